/** `npm run bench:server`: what serving costs, a table each; `--json FILE`. */
import { runBenches } from '../harness.ts';
import { protocolCost } from './protocol-cost.ts';
import { lightLoad, saturation } from './serving-cost.ts';

await runBenches([protocolCost, saturation, lightLoad]);
