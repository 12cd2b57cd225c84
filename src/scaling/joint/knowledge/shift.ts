import type { LatencyBelief } from '../model/belief.ts';
import { meanLogMs, sdOfLog } from '../model/belief.ts';
import { isFull } from './is-full.ts';
import type { PointReading } from '../model/point-reading.ts';
import type { Reading } from './readings.ts';

/** A shift smaller than this (logarithm) changes nothing worth a search. */
const leastShift = 0.1;
/** Standard deviations beyond which a change of the mean is no chance, and one of the tail. */
const deviationsOfMean = 3.5;
const deviationsOfTail = 8;
/** A change by so many times what the speed wanders by itself is no chance, */
const deviationsOfWander = 4;
/** nor is one by so much (logarithm), however it wanders. */
const mostWander = Math.log(1.3);

/** A speed that wanders surprises where it is so many standard deviations off what was expected. */
const deviationsOfBelief = 3;

export interface Shift {
  /** How much slower everything has become (logarithm); 0 when only the load differs. */
  readonly logShift: number;
  /** What to remember of the point from now on, instead of what was. */
  readonly reading: Reading;
  /** Calls differ more from each other than before, as with a neighbour that slows some of them. */
  readonly isOfTail: boolean;
}

/**
 * Compares a reading with what was known of the same point: undefined when they agree.
 *
 * @param logTailBefore the tail known of the point, see `Readings.logTailAt`
 * @param wanderSd how much the speed wanders by itself (standard deviation of the logarithm)
 */
export function shiftBetween(
  before: Reading,
  now: Reading,
  logTailBefore: number,
  wanderSd: number,
): Shift | undefined {
  if (!isFull(before) || !isFull(now)) {
    // At part of the load calls differ from window to window: no reason to doubt all others.
    return { logShift: 0, reading: isFull(before) ? before : now, isOfTail: false };
  }
  const sd = Math.hypot(before.relativeSd, now.relativeSd);
  const wander = Math.min(mostWander, deviationsOfWander * wanderSd);
  const beyondChance = (deviations: number): number =>
    Math.max(leastShift, Math.hypot(deviations * sd, wander));
  const byMean = Math.log(now.latencyMs / before.latencyMs);
  const logShift = Math.abs(byMean) > beyondChance(deviationsOfMean) ? byMean : 0;
  const byTail = byMean + now.logTail - logTailBefore;
  if (byTail - byMean > leastShift && byTail > beyondChance(deviationsOfTail)) {
    return { logShift, reading: now, isOfTail: true };
  }
  return logShift === 0 ? undefined : { logShift, reading: now, isOfTail: false };
}

/**
 * Whether calls took so much longer or shorter than was to be expected that the speed's wandering is no
 * explanation; from 1.3 times on it never is.
 *
 * @param belief of the mean over the time in which they were read
 */
export function isSurprising(reading: PointReading, belief: LatencyBelief): boolean {
  const sd = Math.hypot(sdOfLog(belief), reading.relativeSd);
  const surprise = Math.abs(Math.log(reading.latencyMs) - meanLogMs(belief));
  return surprise > Math.min(mostWander, deviationsOfBelief * sd);
}
