import type { OperatingPoint } from '../../operating-point.ts';
import type { Reading } from './readings.ts';
import { isFull } from './shift.ts';

/** Steps that are remembered, and with fewer of which nothing is said. */
const mostSteps = 12;
const leastSteps = 3;
/** With a further window an observation grows by this share of its calls at least. */
const leastGrowth = 0.08;
/** Median of the absolute value of a standard normal number, and its 95th percentile. */
const medianDeviation = 0.6745;
const deviationsAt95 = 1.645;

/**
 * How much the machine's speed wanders by itself from one window to the next, as on one shared with
 * others: learnt from windows at one point that follow each other. The median step counts, so that a
 * change of the world, which is one step among many, is not taken for restlessness.
 */
export class Volatility {
  /** By point, what the last window there took (logarithm), and calls observed there in a row. */
  readonly #latest = new Map<string, { readonly logMs: number; readonly reading: Reading }>();
  #lastKey = '';
  #steps: readonly number[] = [];

  note(reading: Reading): void {
    const key = keyOf(reading.point);
    const before = this.#latest.get(key);
    const stayed = key === this.#lastKey;
    this.#lastKey = key;
    if (!isFull(reading)) return;
    const latestMs = before && stayed ? newestMs(before.reading, reading) : reading.latencyMs;
    const logMs = latestMs === undefined ? (before?.logMs ?? Number.NaN) : Math.log(latestMs);
    this.#latest.set(key, { logMs, reading });
    if (before === undefined || latestMs === undefined) return;
    const chance = 2 * reading.relativeSd ** 2;
    const step = Math.sqrt(Math.max(0, (logMs - before.logMs) ** 2 - chance));
    this.#steps = [step, ...this.#steps].slice(0, mostSteps);
  }

  /** Standard deviation of the logarithm of the speed in one window. */
  get sd(): number {
    if (this.#steps.length < leastSteps) return 0;
    const sorted = this.#steps.toSorted((a, b) => a - b);
    const median = sorted[Math.floor((sorted.length - 1) / 2)] as number;
    return median / medianDeviation / Math.SQRT2;
  }

  /** A tail (logarithm) seen in few windows as it is over many, in which the speed wanders. */
  widen(logTail: number): number {
    return Math.hypot(logTail, deviationsAt95 * this.sd);
  }
}

function keyOf({ batchSize, instances }: OperatingPoint): string {
  return `${batchSize},${instances}`;
}

/**
 * An observation may span windows that the one before had as well: mean time of the calls since.
 * Undefined where old windows have dropped out of it, so that these calls cannot be told apart.
 */
function newestMs(before: Reading, now: Reading): number | undefined {
  const calls = now.calls - before.calls;
  if (calls < 0) return now.latencyMs;
  if (calls < leastGrowth * now.calls) return undefined;
  const sumMs = now.calls * now.latencyMs - before.calls * before.latencyMs;
  return sumMs > 0 ? sumMs / calls : undefined;
}
