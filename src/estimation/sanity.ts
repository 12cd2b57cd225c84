import type { Cells } from './cells.ts';

/** How far beyond the two extremes of sharing an estimate may lie. */
const slack = 2;

/**
 * Keeps an estimate within reason. From a measured count m, latency at n instances lies between that
 * of instances that do not hinder each other, `L(m)`, and that of instances that take turns,
 * `L(m) n / m`. Measured curves leave that range a little (interference above, the P40's falling
 * curves below), so an estimate may be from half the least to twice the most of what the nearest
 * measured counts on either side allow. NaN becomes the least.
 *
 * @param latencyMs the estimate in ms, of any value
 * @param observed at least one cell
 */
export function withinReason(latencyMs: number, observed: Cells, count: number): number {
  const { leastMs, mostMs } = reasonableRange(observed, count);
  return latencyMs > leastMs ? Math.min(latencyMs, mostMs) : leastMs;
}

/** The bounds that `withinReason` applies at a count of instances, in ms. */
export function reasonableRange(
  observed: Cells,
  count: number,
): { readonly leastMs: number; readonly mostMs: number } {
  const counts = [...observed.keys()];
  const below = Math.max(...counts.filter((other) => other <= count));
  const above = Math.min(...counts.filter((other) => other >= count));
  const extremes = [below, above].filter(Number.isFinite).flatMap((other) => {
    const latencyMs = observed.get(other) as number;
    return [latencyMs, (latencyMs / other) * count];
  });
  return { leastMs: Math.min(...extremes) / slack, mostMs: Math.max(...extremes) * slack };
}
