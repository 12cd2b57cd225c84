import type { OperatingPoint } from '../../operating-point.ts';
import type { Observation } from '../scaler.ts';
import { normalQuantile } from './normal-cdf.ts';
import type { Reading } from './readings.ts';
import { isFull } from './shift.ts';

/** Steps that are remembered, and with fewer of which nothing is said. */
const mostSteps = 12;
const leastSteps = 3;
/** Points at which the last window is remembered. */
const mostPoints = 20;
/** Median of the absolute value of a standard normal number. */
const medianDeviation = 0.6745;

/**
 * How much the machine's speed wanders by itself from one window to another, as on one shared with
 * others: learnt wherever a point is seen again, at once or after some time. The median step counts,
 * so that a change of the world, which is one step among many, is not taken for restlessness.
 */
export class Volatility {
  /** By point, oldest first: mean time of a call in the last window there (logarithm), its variance. */
  readonly #latest = new Map<string, { readonly logMs: number; readonly variance: number }>();
  #steps: readonly number[] = [];

  note(reading: Reading, { newestWindow }: Pick<Observation, 'newestWindow'>): void {
    if (!isFull(reading)) return;
    const { calls, meanMs } = newestWindow ?? { calls: reading.calls, meanMs: reading.latencyMs };
    const now = {
      logMs: Math.log(meanMs),
      variance: (reading.relativeSd ** 2 * reading.calls) / calls,
    };
    const key = keyOf(reading.point);
    const before = this.#latest.get(key);
    this.#latest.delete(key);
    this.#latest.set(key, now);
    if (this.#latest.size > mostPoints) {
      this.#latest.delete(this.#latest.keys().next().value as string);
    }
    if (before === undefined) return;
    const chance = before.variance + now.variance;
    const step = Math.sqrt(Math.max(0, (now.logMs - before.logMs) ** 2 - chance));
    this.#steps = [step, ...this.#steps].slice(0, mostSteps);
  }

  /** The machine has changed: all that was seen elsewhere before takes e^logShift times as long. */
  shift(logShift: number, here: OperatingPoint): void {
    for (const [key, { logMs, variance }] of this.#latest) {
      if (key !== keyOf(here)) this.#latest.set(key, { logMs: logMs + logShift, variance });
    }
  }

  /** Standard deviation of the logarithm of the speed in one window. */
  get sd(): number {
    if (this.#steps.length < leastSteps) return 0;
    const sorted = this.#steps.toSorted((a, b) => a - b);
    const median = sorted[Math.floor((sorted.length - 1) / 2)] as number;
    return median / medianDeviation / Math.SQRT2;
  }

  /** A tail (logarithm) seen in few windows as it is over many, in which the speed wanders. */
  widen(logTail: number, percentile: number): number {
    const { sd } = this;
    return sd === 0 ? logTail : Math.hypot(logTail, Math.max(0, normalQuantile(percentile)) * sd);
  }
}

function keyOf({ batchSize, instances }: OperatingPoint): string {
  return `${batchSize},${instances}`;
}
