/**
 * A machine's speed that wanders by itself, as on one shared with others, and comes back: an
 * Ornstein-Uhlenbeck process on the logarithm of the latency of all calls.
 */
export interface Wander {
  /** Standard deviation of the logarithm in the long run; 0 for a quiet machine. */
  readonly sd: number;
  /** Time after which a deviation is down to 1/e of itself, in ms. */
  readonly forgetsMs: number;
}

export const quiet: Wander = { sd: 0, forgetsMs: 1000 };

/** A stretch of time. */
export interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
}

/** A speed counts as far as it is going to last over this time. */
const horizonMs = 10_000;

/** Of the mean deviations over two stretches, which are the same one or do not overlap. */
export function covarianceOfMeans({ sd, forgetsMs }: Wander, a: Stretch, b: Stretch): number {
  if (sd === 0) return 0;
  const lengthA = Math.max(1e-3, (a.endMs - a.startMs) / forgetsMs);
  const variance = sd * sd;
  if (a.startMs === b.startMs && a.endMs === b.endMs) {
    return ((2 * variance) / lengthA) * (1 + Math.expm1(-lengthA) / lengthA);
  }
  const lengthB = Math.max(1e-3, (b.endMs - b.startMs) / forgetsMs);
  const gap = Math.max(0, a.startMs - b.endMs, b.startMs - a.endMs) / forgetsMs;
  const shares = (Math.expm1(-lengthA) / lengthA) * (Math.expm1(-lengthB) / lengthB);
  return variance * Math.exp(-gap) * shares;
}

/** The time for which a decision is made. */
export function nearFuture(nowMs: number): Stretch {
  return { startMs: nowMs, endMs: nowMs + horizonMs };
}
