import type { KnobLimits, OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';

/** Batch sizes with one instance, in order of merit. */
const batchSizes = [1, 32, 128, 8, 64, 16, 4, 2];
/** Counts of instances, one by one, rising: to start instances is what a resize costs. */
const counts = [2, 3, 4, 5, 6, 7, 8, 9, 10];
/** Counts that are looked at with several batch sizes, too, falling: to end instances is free. */
const crossedCounts = [10, 8, 6, 4, 2];
/** At every other count the other way round: a change of the batch size costs, too. */
const crossedBatchSizes = [8, 32];
const lastBatchSize = 2;

/**
 * The points of a network's sweep, the most important first: what the profiler asks for, the batch
 * sizes with one instance, the counts of instances with the smallest batch, then both together.
 */
export function sweepPlan(limits: KnobLimits): readonly OperatingPoint[] {
  const { minBatchSize, maxBatchSize, maxInstances } = limits;
  const at = (batchSize: number, instances: number): OperatingPoint => ({
    batchSize: Math.min(Math.max(batchSize, minBatchSize), maxBatchSize),
    instances: Math.min(instances, maxInstances),
  });
  const points = [
    // What the profiler asks for comes first: without it there is no TI_B and no TI_MT.
    ...[at(1, 1), at(32, 1), at(1, 8)],
    ...batchSizes.map((batchSize) => at(batchSize, 1)),
    ...counts.map((count) => at(1, count)),
    ...crossedCounts.flatMap((count, i) =>
      (i % 2 === 0 ? crossedBatchSizes : crossedBatchSizes.toReversed()).map((batchSize) =>
        at(batchSize, count),
      ),
    ),
    ...crossedCounts.map((count) => at(lastBatchSize, count)),
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

/** What it took to start some instances at once. */
export interface KnownStart {
  readonly started: number;
  readonly tookMs: number;
}

/**
 * How long it will take to start so many instances at once, in ms: no longer than as many times one that
 * is known, since they load side by side. The least of these bounds counts: the first start of all also
 * reads the provider's libraries from disk. 0 while none is known.
 */
export function startBoundMs(started: number, known: readonly KnownStart[]): number {
  if (started <= 0 || known.length === 0) return 0;
  return Math.min(...known.map((other) => other.tookMs * Math.max(1, started / other.started)));
}
