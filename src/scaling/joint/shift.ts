import type { Reading } from './readings.ts';
import { doubtAfterShift, isFull } from './readings.ts';

/** A shift smaller than this (logarithm) changes nothing worth a search. */
const leastShift = 0.02;
/** Standard deviations beyond which a change of the mean is no chance, and one of the tail. */
const deviationsOfMean = 3.5;
const deviationsOfTail = 8;
/** A change by so many times what the speed wanders by itself is no chance, */
const deviationsOfWander = 10;
/** nor is one by so much (logarithm), however it wanders. */
const mostWander = Math.log(1.3);

export interface Shift {
  /** How much slower everything has become (logarithm); 0 when only the load differs. */
  readonly logShift: number;
  /** What to remember of the point from now on, instead of what was. */
  readonly reading: Reading;
}

/**
 * Compares a reading with what was known of the same point: undefined when they agree. A tail that
 * grew counts as a slow-down, too: a neighbour that comes and goes slows only some calls.
 *
 * @param logTailBefore the tail known of the point, see `Readings.logTailAt`
 * @param volatilitySd how much the speed wanders by itself from one window to another (logarithm)
 */
export function shiftBetween(
  before: Reading,
  now: Reading,
  logTailBefore: number,
  volatilitySd: number,
): Shift | undefined {
  if (!isFull(before) || !isFull(now)) {
    // At part of the load calls differ from window to window: no reason to doubt all others.
    return isFull(before) ? { logShift: 0, reading: before } : { logShift: 0, reading: now };
  }
  const sd = Math.hypot(before.relativeSd, now.relativeSd);
  const wander = Math.min(mostWander, deviationsOfWander * volatilitySd);
  const beyondChance = (deviations: number): number =>
    Math.max(leastShift, Math.hypot(deviations * sd, wander));
  const byMean = Math.log(now.latencyMs / before.latencyMs);
  const byTail = byMean + now.logTail - logTailBefore;
  if (byTail > byMean && byTail > beyondChance(deviationsOfTail)) {
    return {
      logShift: byTail,
      reading: {
        ...now,
        latencyMs: before.latencyMs * Math.exp(byTail),
        relativeSd: Math.hypot(now.relativeSd, doubtAfterShift * byTail),
        logTail: logTailBefore,
      },
    };
  }
  if (Math.abs(byMean) > beyondChance(deviationsOfMean)) {
    return { logShift: byMean, reading: now };
  }
  return undefined;
}
