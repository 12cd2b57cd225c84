import { invalidArgument } from '../errors.ts';
import type { Random } from '../random.ts';

/** When requests arrive: each call gives the time from one arrival to the next, in ms. */
export interface Arrivals {
  /** Undefined once there are no more arrivals. */
  nextGapMs(): number | undefined;
}

/**
 * A Poisson process: independent users, exponential gaps.
 *
 * @param ratePerS mean arrivals per second, over 0
 * @throws DnnScalerError `invalid-argument` for a rate that is no positive number
 */
export function poissonArrivals(ratePerS: number, random: Random): Arrivals {
  const meanMs = 1000 / requireRate(ratePerS);
  return { nextGapMs: () => random.exponential(meanMs) };
}

/**
 * Arrivals at equal distances.
 *
 * @throws DnnScalerError `invalid-argument` for a rate that is no positive number
 */
export function uniformArrivals(ratePerS: number): Arrivals {
  const gapMs = 1000 / requireRate(ratePerS);
  return { nextGapMs: () => gapMs };
}

/**
 * Arrivals at recorded times, once through.
 *
 * @param timesMs since the start of the trace, in ascending order
 * @throws DnnScalerError `invalid-argument` when a time is negative, not finite or out of order
 */
export function traceArrivals(timesMs: readonly number[]): Arrivals {
  timesMs.forEach((timeMs, i) => {
    if (!Number.isFinite(timeMs) || timeMs < (timesMs[i - 1] ?? 0)) {
      throw invalidArgument(
        `arrival ${i + 1} of the trace`,
        'must be a number of ms, at least 0 and not before the arrival ahead of it',
        timeMs,
      );
    }
  });
  let index = 0;
  let beforeMs = 0;
  return {
    nextGapMs() {
      const timeMs = timesMs[index];
      if (timeMs === undefined) return undefined;
      index += 1;
      const gapMs = timeMs - beforeMs;
      beforeMs = timeMs;
      return gapMs;
    },
  };
}

function requireRate(ratePerS: number): number {
  if (!(ratePerS > 0) || !Number.isFinite(ratePerS)) {
    throw invalidArgument('the arrival rate', 'must be a positive number per second', ratePerS);
  }
  return ratePerS;
}
