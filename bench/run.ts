/** `npm run bench`: every benchmark, a table each; `--json FILE`. */
import { approaches } from './approaches.ts';
import { engineOverhead } from './engine-overhead.ts';
import { estimationErrors, estimationSpeed } from './estimation.ts';
import { runBenches } from './harness.ts';
import { resize } from './resize.ts';
import { runAgainstSweep } from './run-against-sweep.ts';
import { simulatorSpeed } from './simulator.ts';

await runBenches([
  engineOverhead,
  resize,
  approaches,
  runAgainstSweep,
  estimationErrors,
  estimationSpeed,
  simulatorSpeed,
]);
