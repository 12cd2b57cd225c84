import { setFlagsFromString } from 'node:v8';

/** Growth of the heap between two collections of all of it, in percent of what is alive. */
const growingPercent = 400;

/**
 * Lets the heap of this process grow to five times what is alive before all of it is collected. V8
 * counts array buffers that the next scavenge will free as growth of its old space, for which a small
 * heap has little room: tensors of some hundred kilobytes then make it mark the whole heap every few
 * dozen requests, on the cores that a model runs on. With Mult-VAE's 83 KB rows, four to a batch, on two
 * cores that took the p95 from 3.7 to 11.5 ms. The flag is read whenever a limit is set, and so works in
 * a process that runs; it is the whole process's, and so is called by programs, not by the library.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}
