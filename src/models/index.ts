/** Models that people bring: what they are, and how they are made batchable. */
export { inspectModel } from './inspect-model.ts';
export type { Batchability, ModelReport } from './inspect-model.ts';
export type { DeclaredBatch, FileReport, OpenInput, ValueReport } from './inspect-file.ts';
export { makeBatchable } from './batchable/make-batchable.ts';
export type { MadeBatchable, MakeBatchableOptions } from './batchable/make-batchable.ts';
export type { Proof } from './batchable/prove.ts';
