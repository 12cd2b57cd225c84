import { invalidArgument } from './errors.ts';

/** One setting of the knobs. */
export interface OperatingPoint {
  /** Rows per engine call, at most (BS; the paper's range is 1..128). */
  readonly batchSize: number;
  /** Co-located copies of the network (MTL; the paper's range is 1..10). */
  readonly instances: number;
  /** Threads of each instance; only on CPU engines, and left to the engine when absent. */
  readonly threadsPerInstance?: number;
}

/** How far the knobs of an engine go, for one model on one machine. */
export interface KnobLimits {
  /** Over 1 only for a model whose batch dimension is fixed. */
  readonly minBatchSize: number;
  readonly maxBatchSize: number;
  readonly maxInstances: number;
}

/** The paper's knob ranges (arXiv 2308.13803). */
export const paperLimits: KnobLimits = { minBatchSize: 1, maxBatchSize: 128, maxInstances: 10 };

export function samePoint(a: OperatingPoint, b: OperatingPoint): boolean {
  return (
    a.batchSize === b.batchSize &&
    a.instances === b.instances &&
    a.threadsPerInstance === b.threadsPerInstance
  );
}

/** Same batch size and instances, whatever the threads. */
export function sameKnobs(a: OperatingPoint, b: OperatingPoint): boolean {
  return a.batchSize === b.batchSize && a.instances === b.instances;
}

/** The nearest point within the limits. */
export function clampPoint(point: OperatingPoint, limits: KnobLimits): OperatingPoint {
  return {
    ...point,
    batchSize: Math.min(Math.max(point.batchSize, limits.minBatchSize), limits.maxBatchSize),
    instances: Math.min(Math.max(point.instances, 1), limits.maxInstances),
  };
}

/** `batch 32 x 2 instances`, with the threads when known. */
export function formatPoint(point: OperatingPoint): string {
  const instances = `${point.instances} instance${point.instances === 1 ? '' : 's'}`;
  const threads =
    point.threadsPerInstance === undefined
      ? ''
      : ` of ${point.threadsPerInstance} thread${point.threadsPerInstance === 1 ? '' : 's'}`;
  return `batch ${point.batchSize} x ${instances}${threads}`;
}

/**
 * Parses `B,N` as batch size B and N instances.
 *
 * @throws DnnScalerError `invalid-argument` when the text is no two positive integers
 */
export function parsePoint(text: string, what: string): OperatingPoint {
  const match = /^(\d{1,6}),(\d{1,6})$/.exec(text.trim());
  const batchSize = Number(match?.[1]);
  const instances = Number(match?.[2]);
  if (!(batchSize >= 1) || !(instances >= 1)) {
    throw invalidArgument(
      what,
      'must be B,N: a batch size and a count of instances, both at least 1',
      text,
    );
  }
  return { batchSize, instances };
}
