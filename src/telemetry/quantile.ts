/**
 * The nearest-rank quantile of values sorted in ascending order: the smallest value that at least
 * the given share of all values does not exceed. So "p95 <= limit" and "at least 95% of the values
 * are within the limit" are the same statement.
 *
 * @param share in (0, 1]
 * @returns NaN for no values
 */
export function quantileOfSorted(sorted: ArrayLike<number>, share: number): number {
  const count = sorted.length;
  if (count === 0) return Number.NaN;
  // 0.95 * 20 is 19.000000000000004 or so in binary: the slack keeps exact ranks exact.
  const rank = Math.ceil(share * count - 1e-9);
  return sorted[Math.min(Math.max(rank, 1), count) - 1] as number;
}

/** A median of fewer is noise. */
const fewestSamples = 16;

/**
 * Calls needed before a percentile means something: twice the count at which one of them is
 * expected beyond it (40 for p95, 200 for p99), on its rarer side; 16 at least.
 */
export function samplesFor(percentile: number): number {
  const rarerShare = Math.min(percentile, 1 - percentile);
  return Math.max(fewestSamples, Math.ceil(2 / rarerShare - 1e-9));
}
