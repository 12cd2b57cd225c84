export type { Cells, LibraryRow } from './cells.ts';
export { estimateCurve } from './estimate-curve.ts';
export type { LibraryFor } from './estimator.ts';
export { builtInLibrary, estimatorFor, loadLibrary } from './estimator.ts';
export type { FilledRow, FilledTable, FillOptions } from './fill-table.ts';
export { fillTable } from './fill-table.ts';
export { p40Networks } from './known-networks.ts';
export type { LatencyTable, TableRow } from './latency-table.ts';
export { parseLatencyTable } from './latency-table.ts';
export type {
  EstimationMethod,
  LeaveOneOutOptions,
  LeaveOneOutReport,
  RowError,
} from './leave-one-out.ts';
export { estimationMethods, leaveOneOut } from './leave-one-out.ts';
export { estimateByNuclearNorm } from './nuclear-estimate.ts';
export type { NuclearNormOptions } from './nuclear-norm.ts';
export { completeMatrix } from './nuclear-norm.ts';
export type { NetworkProfile, SurfaceCell } from './profile-format.ts';
export type { ProfileLibraryOptions } from './profile-library.ts';
export {
  machineSignature,
  modelContentHash,
  ProfileLibrary,
  profileLibraryPath,
} from './profile-library.ts';
export { reasonableRange } from './sanity.ts';
