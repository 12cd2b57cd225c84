/**
 * The library's front door: what a program needs to deploy a model under an SLO, and to run
 * trials. Each layer is also there whole, under its name and as a subpath (`dnnscaler/scaling`).
 */
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { DnnScalerError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { formatPoint } from './operating-point.ts';
export type { KnobLimits, OperatingPoint } from './operating-point.ts';
export { Random } from './random.ts';
export { makeSlo } from './slo.ts';
export type { Slo } from './slo.ts';

export { openOnnxEngine } from './engines/onnx/index.ts';
export { estimatorFor } from './estimation/index.ts';
export { createScaler } from './scaling/index.ts';
export {
  Deployment,
  defaultWindowPolicy,
  deployModel,
  runSweep,
  runTrial,
} from './serving/index.ts';
export type { DeployModelOptions, DeployedModel, RunResult } from './serving/index.ts';
export { syntheticSource } from './workload/index.ts';

export * as datasets from './datasets/index.ts';
export * as engines from './engines/index.ts';
export * as estimation from './estimation/index.ts';
export * as scaling from './scaling/index.ts';
export * as serving from './serving/index.ts';
export * as simulator from './simulator/index.ts';
export * as telemetry from './telemetry/index.ts';
export * as tensor from './tensor/index.ts';
export * as workload from './workload/index.ts';
export * as zoo from './zoo/index.ts';
