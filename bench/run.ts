/** `npm run bench`: every benchmark of the embedded engine, a table each; `--json FILE`. */
import { approaches } from './approaches.ts';
import { engineOverhead } from './engine-overhead.ts';
import { runBenches } from './harness.ts';
import { resize } from './resize.ts';
import { runAgainstSweep } from './run-against-sweep.ts';

await runBenches([engineOverhead, resize, approaches, runAgainstSweep]);
