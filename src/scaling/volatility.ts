import type { LatencySummary } from '../telemetry/latency-summary.ts';
import { normalQuantile } from './normal-cdf.ts';

/** Steps that are remembered, and with fewer of which nothing is said. */
const mostSteps = 12;
const leastSteps = 3;
/** Places at which the last window is remembered. */
const mostPlaces = 20;
/** Median of the absolute value of a standard normal number, and its p95. */
const medianDeviation = 0.6745;
const deviationsAt95 = 1.645;

/** How fast calls were in one window. */
export interface SpeedSample {
  /** Mean time of a call (logarithm of ms). */
  readonly logMs: number;
  /** Of that mean, by the spread of the window's calls. */
  readonly variance: number;
}

/** How far the times of calls lie apart: standard deviation of their logarithm, were it normal. */
export function spreadOf({ p50Ms, p95Ms }: Pick<LatencySummary, 'p50Ms' | 'p95Ms'>): number {
  return Math.log(p95Ms / p50Ms) / deviationsAt95;
}

/**
 * How much the machine's speed wanders by itself from one window to another, as on one shared with
 * others: learnt wherever a place (a value of a knob) is seen again, at once or after some time. The
 * median step counts, so that a change of the world, which is one step among many, is not taken for
 * restlessness.
 */
export class Volatility {
  /** The last window at each place, oldest first. */
  readonly #latest = new Map<number, SpeedSample>();
  #steps: readonly number[] = [];

  note(place: number, now: SpeedSample): void {
    const before = this.#latest.get(place);
    this.#latest.delete(place);
    this.#latest.set(place, now);
    if (this.#latest.size > mostPlaces) {
      this.#latest.delete(this.#latest.keys().next().value as number);
    }
    if (before === undefined) return;
    const chance = before.variance + now.variance;
    const step = Math.sqrt(Math.max(0, (now.logMs - before.logMs) ** 2 - chance));
    this.#steps = [step, ...this.#steps].slice(0, mostSteps);
  }

  /** The machine has changed: all that was seen elsewhere before takes e^logShift times as long. */
  shift(logShift: number, here: number): void {
    for (const [place, { logMs, variance }] of this.#latest) {
      if (place !== here) this.#latest.set(place, { logMs: logMs + logShift, variance });
    }
  }

  /** Standard deviation of the logarithm of the speed in one window. */
  get sd(): number {
    if (this.#steps.length < leastSteps) return 0;
    const sorted = this.#steps.toSorted((a, b) => a - b);
    const median = sorted[Math.floor((sorted.length - 1) / 2)] as number;
    return median / medianDeviation / Math.SQRT2;
  }

  /** See `widenedTail`. */
  widen(logTail: number, percentile: number): number {
    return widenedTail(this.sd, logTail, percentile);
  }
}

/** A tail (logarithm) seen in few windows as it is over many, in which the speed wanders by `sd`. */
export function widenedTail(sd: number, logTail: number, percentile: number): number {
  return sd === 0 ? logTail : Math.hypot(logTail, Math.max(0, normalQuantile(percentile)) * sd);
}
