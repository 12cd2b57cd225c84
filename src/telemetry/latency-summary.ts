import { quantileOfSorted } from './quantile.ts';

/** Exact statistics of a set of latencies, in ms. */
export interface LatencySummary {
  /** Samples behind the figures; 0 makes all of them NaN. */
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** At the SLO's own percentile. */
  readonly atPercentileMs: number;
}

/**
 * Summarises the union of several sample sets.
 *
 * @param percentile of `atPercentileMs`, in (0, 1)
 */
export function summarizeLatencies(
  sets: readonly Float64Array[],
  percentile: number,
): LatencySummary {
  const sorted = concatenate(sets).sort();
  let sum = 0;
  for (const value of sorted) sum += value;
  return {
    count: sorted.length,
    meanMs: sum / sorted.length,
    p50Ms: quantileOfSorted(sorted, 0.5),
    p95Ms: quantileOfSorted(sorted, 0.95),
    p99Ms: quantileOfSorted(sorted, 0.99),
    atPercentileMs: quantileOfSorted(sorted, percentile),
  };
}

function concatenate(sets: readonly Float64Array[]): Float64Array {
  let count = 0;
  for (const set of sets) count += set.length;
  const all = new Float64Array(count);
  let offset = 0;
  for (const set of sets) {
    all.set(set, offset);
    offset += set.length;
  }
  return all;
}
