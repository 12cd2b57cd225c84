import type { KnobReading } from './knob-reading.ts';
import { faster, slower } from './knob-reading.ts';
import { Volatility } from './volatility.ts';

/** Throughput must rise by this share to be worth a larger knob. */
const worthwhileShare = 0.02;

/** Throughput must be this share higher at a smaller value to go back there: more than noise. */
const clearShare = 0.05;

/** Growth within the band must promise this share of throughput. */
const promisingShare = 0.08;

/** Holds before growth that failed is tried again; doubles with every retry. */
const firstPatience = 32;

/**
 * Holds with room to spare count so often where what closes growth was over the limit by chance, as the
 * calls there tell that it usually is not.
 */
const impatience = 4;

/** Single windows at a value that its throughput is the mean of, at most. */
const mostWindows = 5;
/** A difference of two throughputs within so many standard deviations of it is taken for chance. */
const chanceDeviations = 0.75;

interface Remembered extends KnobReading {
  /** Windows behind the throughput, each of which the machine's wandering speed made another. */
  readonly windows: number;
  /** Execution time when the reading was made or last rescaled; slow drift adds up against it. */
  readonly anchorMs: number;
}

/**
 * What a one-knob search has learnt: the latest reading at each value it visited, with the mean
 * throughput of those before where one is a single window. Brackets are
 * derived from it, so that a new SLO needs no special case. When the value in use turns out slower
 * or faster than it was, so are the others, and their readings are rescaled. How much the machine's
 * speed wanders by itself is learnt where a value is read again, and a difference of throughput that it
 * explains decides nothing. Growth that once failed is tried again, at ever longer intervals, so that
 * one noisy window does not close it off for good.
 */
export class KnobMemory {
  readonly #readings = new Map<number, Remembered>();
  readonly #tellingRatio: number;
  readonly #divisorAt: (value: number) => number;
  readonly #volatility = new Volatility();
  #patience = firstPatience;
  #holds = 0;

  /**
   * @param tellingRatio how many times larger a value must be for its throughput to tell whether
   *   growth pays: between close neighbours noise exceeds the gain; at least 1
   * @param divisorAt what throughput at a value is divided by to be its worth, see `Valuation`
   */
  constructor(tellingRatio: number, divisorAt: (value: number) => number = () => 1) {
    this.#tellingRatio = tellingRatio;
    this.#divisorAt = divisorAt;
  }

  record(value: number, reading: KnobReading): void {
    const ratio = this.#slowdown(value, reading.executionMs);
    // Infinite, 0 or NaN after a value that was out of reach or answered nothing.
    const isTelling = ratio > 0 && Number.isFinite(ratio);
    const hasChanged = isTelling && (ratio > slower || ratio < faster);
    if (hasChanged) {
      this.#rescale(ratio);
      this.#volatility.shift(Math.log(ratio), value);
    }
    const { speed } = reading;
    if (speed !== undefined && Number.isFinite(speed.logMs + speed.variance)) {
      this.#volatility.note(value, speed);
    }
    const before = hasChanged ? undefined : this.#readings.get(value);
    const anchorMs = before?.anchorMs ?? Number.NaN;
    this.#readings.set(value, {
      ...reading,
      ...joined(before, reading),
      anchorMs: anchorMs > 0 ? anchorMs : reading.executionMs,
    });
  }

  /** Notes that the engine could not reach this value. */
  recordUnreachable(value: number): void {
    this.#readings.set(value, {
      latencyMs: Number.POSITIVE_INFINITY,
      throughputPerS: 0,
      windows: 0,
      executionMs: Number.NaN,
      anchorMs: Number.NaN,
    });
  }

  /** The value that is worth most among those within the limit. */
  best(limitMs: number): number | undefined {
    let best: number | undefined;
    let mostWorth = 0;
    for (const [value, reading] of this.#readings) {
      const worth = this.worthAt(value);
      if (reading.latencyMs <= limitMs && worth > mostWorth) {
        best = value;
        mostWorth = worth;
      }
    }
    return best;
  }

  /** What a value is worth; derived anew each time, as more becomes known of the power. 0 if unread. */
  worthAt(value: number): number {
    return this.#throughputPerS(value) / this.#divisorAt(value);
  }

  has(value: number): boolean {
    return this.#readings.has(value);
  }

  /** The values read that enclose `value` most closely. */
  neighboursOf(value: number): { below: number | undefined; above: number | undefined } {
    return {
      below: this.#extreme(Math.max, (other) => other < value),
      above: this.#extreme(Math.min, (other) => other > value),
    };
  }

  /** The largest value under `value` that is known to be within the limit. */
  largestWithinBelow(value: number, limitMs: number): number | undefined {
    return this.#extreme(
      Math.max,
      (other, reading) => other < value && reading.latencyMs <= limitMs,
    );
  }

  /**
   * The smallest value above `value` that is known to be no good: over the limit, or without the
   * throughput to show for it.
   */
  smallestUselessAbove(value: number, limitMs: number): number | undefined {
    return this.#extreme(
      Math.min,
      (other, reading) =>
        other > value &&
        (reading.latencyMs > limitMs ||
          this.fallsShortOf(value, other) ||
          (other >= value * this.#tellingRatio && !this.#mayPay(other, value))),
    );
  }

  /**
   * Whether `value`, whose latency is within the band, is worth growing all the same. The band
   * alone would not do: where most of the latency is a fixed cost, 85% of the SLO may be a fraction
   * of the throughput that it allows. What can be gained is told by where the latency meets the
   * limit on a straight line to the next larger value known to break it.
   *
   * @param largest value of the knob
   */
  isPromising(value: number, largest: number, limitMs: number): boolean {
    const hereMs = this.#readings.get(value)?.latencyMs ?? Number.NaN;
    if (hereMs > limitMs) return false;
    const useless = this.smallestUselessAbove(value, limitMs);
    if (useless === undefined) return largest >= (1 + promisingShare) * value;
    const uselessMs = this.#readings.get(useless)?.latencyMs ?? Number.NaN;
    if (uselessMs <= limitMs) return false;
    const share = Number.isFinite(uselessMs) ? (limitMs - hereMs) / (uselessMs - hereMs) : 1;
    const reach = Math.ceil(value + share * (useless - value));
    return reach * hereMs >= (1 + promisingShare) * value * limitMs;
  }

  /** By which factor a percentile over many windows, between which the speed wanders, exceeds one's. */
  wanderFactor({ latencyMs, executionMs }: KnobReading, percentile: number): number {
    const logTail = Math.max(0, Math.log(latencyMs / executionMs));
    if (!Number.isFinite(logTail)) return 1;
    return Math.exp(this.#volatility.widen(logTail, percentile) - logTail);
  }

  /** True when `value` is known to give clearly less throughput than `best`. */
  fallsShortOf(best: number, value: number): boolean {
    const clearly = (1 + clearShare) * this.#chanceFactor(best, value);
    return this.#throughputPerS(value) * clearly < this.#throughputPerS(best);
  }

  /** True when a clearly smaller value gave about the same throughput already. */
  gainedNothingAt(value: number, limitMs: number): boolean {
    const below = this.#tellingBelow(value, limitMs);
    if (below === undefined) return false;
    return !this.#mayPay(value, below);
  }

  /**
   * Counts a hold at `value` with growth closed off; now and then forgets what closed it.
   *
   * @param hasRoom whether the latency is under the band
   */
  tire(value: number, limitMs: number, hasRoom = false): void {
    const useless = this.smallestUselessAbove(value, limitMs);
    const isByChance = useless !== undefined && this.#isOverByChance(useless, limitMs);
    this.#holds += hasRoom && isByChance ? impatience : 1;
    if (this.#holds < this.#patience) return;
    this.#holds = 0;
    this.#patience *= 2;
    // No more than what closes the next step, so that trying again is a small step too.
    for (const closing of [useless, this.#tellingBelow(value, limitMs)]) {
      if (closing !== undefined && !(this.#usualMs(closing) > slower * limitMs)) {
        this.#readings.delete(closing);
      }
    }
  }

  #isOverByChance(value: number, limitMs: number): boolean {
    const latencyMs = this.#readings.get(value)?.latencyMs ?? 0;
    return latencyMs > limitMs && this.#usualMs(value) <= limitMs;
  }

  /**
   * What the latency at a value would be with the tail that is usual: its calls' median times the median
   * ratio of both over all values. Hiccups of the machine make one window's percentile and not its
   * median. NaN for a value that was out of reach.
   */
  #usualMs(value: number): number {
    const tails: number[] = [];
    for (const { latencyMs, executionMs } of this.#readings.values()) {
      const tail = latencyMs / executionMs;
      if (Number.isFinite(tail)) tails.push(tail);
    }
    tails.sort((a, b) => a - b);
    const tail = tails[(tails.length - 1) >> 1] ?? Number.NaN;
    return this.#executionMs(value) * tail;
  }

  /** Whether `value` may bring the throughput that makes it worth more than the smaller `below`. */
  #mayPay(value: number, below: number): boolean {
    const atMost = this.#throughputPerS(value) * this.#chanceFactor(value, below);
    return atMost >= this.#throughputPerS(below) * (1 + worthwhileShare);
  }

  /** By which factor the throughputs of two values may differ as the machine's speed wanders. */
  #chanceFactor(a: number, b: number): number {
    const { sd } = this.#volatility;
    if (sd === 0) return 1;
    const variance = (value: number): number =>
      sd ** 2 / Math.max(1, this.#readings.get(value)?.windows ?? 0);
    return Math.exp(chanceDeviations * Math.sqrt(variance(a) + variance(b)));
  }

  /**
   * How many times slower calls are than remembered. At a value never visited before they should
   * take no less than at the next smaller one and no more than at the next larger one.
   */
  #slowdown(value: number, executionMs: number): number {
    const before = this.#readings.get(value);
    if (before !== undefined) return executionMs / before.anchorMs;
    const { below, above } = this.neighboursOf(value);
    const leastMs = this.#executionMs(below);
    const mostMs = this.#executionMs(above);
    if (executionMs < leastMs) return executionMs / leastMs;
    return executionMs > mostMs ? executionMs / mostMs : 1;
  }

  #executionMs(value: number | undefined): number {
    return (value === undefined ? undefined : this.#readings.get(value))?.executionMs ?? Number.NaN;
  }

  #throughputPerS(value: number): number {
    return this.#readings.get(value)?.throughputPerS ?? 0;
  }

  #tellingBelow(value: number, limitMs: number): number | undefined {
    return this.#extreme(
      Math.max,
      (other, reading) =>
        other < value && other * this.#tellingRatio <= value && reading.latencyMs <= limitMs,
    );
  }

  #rescale(ratio: number): void {
    for (const [value, reading] of this.#readings) {
      this.#readings.set(value, {
        windows: reading.windows,
        latencyMs: reading.latencyMs * ratio,
        throughputPerS: reading.throughputPerS / ratio,
        executionMs: reading.executionMs * ratio,
        anchorMs: reading.anchorMs * ratio,
      });
    }
  }

  #extreme(
    pick: (a: number, b: number) => number,
    fits: (value: number, reading: KnobReading) => boolean,
  ): number | undefined {
    let found: number | undefined;
    for (const [value, reading] of this.#readings) {
      if (fits(value, reading)) found = found === undefined ? value : pick(found, value);
    }
    return found;
  }
}

/**
 * A reading of one window is joined with those before it at its value, so that a lucky one does not count
 * for more than the others. One that joins windows already replaces what was there, as one does of which
 * the traffic made the throughput.
 */
function joined(
  before: Pick<Remembered, 'throughputPerS' | 'windows'> | undefined,
  { throughputPerS, speed }: KnobReading,
): Pick<Remembered, 'throughputPerS' | 'windows'> {
  if (speed === undefined) return { throughputPerS, windows: 0 };
  if (before === undefined || speed.windows > 1) return { throughputPerS, windows: speed.windows };
  const windows = Math.min(before.windows + 1, mostWindows);
  const mean = before.throughputPerS + (throughputPerS - before.throughputPerS) / windows;
  return { throughputPerS: mean, windows };
}
