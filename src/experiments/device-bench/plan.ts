import type { KnobLimits, OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';

/** Batch sizes with one instance, and counts of instances at the smallest batch, in order of merit. */
const batchSizes = [1, 32, 128, 8, 64, 16, 4, 2];
const instanceCounts = [8, 2, 4, 10, 6, 3, 5, 7, 9];
/** Batch sizes that are also looked at with several instances. */
const crossedBatchSizes = [8, 32, 2];

/**
 * The points of a network's sweep, the most important first: what the profiler asks for, the batch
 * sizes with one instance, the counts of instances at the smallest batch, then both together. All
 * that stands at one count of instances stands together within its part, since a resize costs more
 * than a point.
 */
export function sweepPlan(limits: KnobLimits): readonly OperatingPoint[] {
  const { minBatchSize, maxBatchSize, maxInstances } = limits;
  const clamped = (batchSize: number): number =>
    Math.min(Math.max(batchSize, minBatchSize), maxBatchSize);
  const counts = [...new Set(instanceCounts.map((count) => Math.min(count, maxInstances)))];
  const points = [
    // What the profiler asks for comes first: without it there is no TI_B and no TI_MT.
    ...[minBatchSize, clamped(32)].map((batchSize) => ({ batchSize, instances: 1 })),
    { batchSize: minBatchSize, instances: Math.min(8, maxInstances) },
    ...batchSizes.map((batchSize) => ({ batchSize: clamped(batchSize), instances: 1 })),
    ...counts.map((instances) => ({ batchSize: minBatchSize, instances })),
    ...counts.flatMap((instances) =>
      crossedBatchSizes.map((batchSize) => ({ batchSize: clamped(batchSize), instances })),
    ),
  ];
  return points.filter((point, i) => points.findIndex((other) => sameKnobs(other, point)) === i);
}

/** What is known of a call's time at some point. */
export interface KnownCall {
  readonly point: OperatingPoint;
  readonly callMs: number;
}

/** Calls that a point takes at the least: one of each instance to warm up, and a few to measure. */
const leastRounds = 4;

/**
 * How long a point will take at most, in ms: latency grows no faster than the batch and than the count
 * of instances, so the point known that promises least is the bound.
 */
export function costBoundMs(
  point: OperatingPoint,
  known: readonly KnownCall[],
  pointMs: number,
): number {
  let callMs = Number.POSITIVE_INFINITY;
  for (const other of known) {
    const rows = Math.max(1, point.batchSize / other.point.batchSize);
    const instances = Math.max(1, point.instances / other.point.instances);
    callMs = Math.min(callMs, other.callMs * rows * instances);
  }
  return callMs === Number.POSITIVE_INFINITY ? pointMs : pointMs + leastRounds * callMs;
}
