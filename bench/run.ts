/** `npm run bench`: every benchmark, or those named, a table each; `--json FILE`. */
import { approaches } from './approaches.ts';
import { engineOverhead } from './engine-overhead.ts';
import { estimationErrors, estimationSpeed } from './estimation.ts';
import type { Bench } from './harness.ts';
import { namesGiven, runBenches } from './harness.ts';
import { resize } from './resize.ts';
import { runAgainstSweep } from './run-against-sweep.ts';
import { simulatorSpeed } from './simulator.ts';

const benches: Readonly<Record<string, readonly Bench[]>> = {
  'engine-overhead': [engineOverhead],
  resize: [resize],
  approaches: [approaches],
  'run-against-sweep': [runAgainstSweep],
  estimation: [estimationErrors, estimationSpeed],
  simulator: [simulatorSpeed],
};

await runBenches(namesGiven(Object.keys(benches)).flatMap((name) => benches[name] ?? []));
