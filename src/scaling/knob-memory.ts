import { controlledLatencyMs } from './assessment.ts';
import type { Observation } from './scaler.ts';

/** What was measured at one value of a knob. */
export interface KnobReading {
  /** The latency that the scaler controls. */
  readonly latencyMs: number;
  readonly throughputPerS: number;
  /** Median time of an engine call: how fast the machine was, whatever the tail and the load. */
  readonly executionMs: number;
}

export function readingOf(observation: Observation): KnobReading {
  return {
    latencyMs: controlledLatencyMs(observation),
    throughputPerS: observation.throughputPerS,
    executionMs: observation.executionLatency.p50Ms,
  };
}

/**
 * The same with the throughput that there would be if every call took the median time. What pauses of
 * the machine take from a window by chance is more than what close values of a knob differ by. A mean
 * further from the median than pauses explain is left with that much.
 */
export function typicalReadingOf(observation: Observation): KnobReading {
  const { meanMs, p50Ms } = observation.executionLatency;
  const reading = readingOf(observation);
  if (!(meanMs > 0)) return reading;
  const ratio = Math.min(slower, Math.max(faster, meanMs / p50Ms));
  return { ...reading, throughputPerS: reading.throughputPerS * ratio };
}

/** An engine call outside these multiples of the remembered one means that the machine's speed changed. */
const slower = 1.25;
const faster = 1 / slower;

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

interface Remembered extends KnobReading {
  /** Execution time when the reading was made or last rescaled; slow drift adds up against it. */
  readonly anchorMs: number;
}

/**
 * What a one-knob search has learnt: the latest reading at each value it visited. Brackets are
 * derived from it, so that a new SLO needs no special case. When the value in use turns out slower
 * or faster than it was, so are the others, and their readings are rescaled. Growth that once
 * failed is tried again, at ever longer intervals, so that one noisy window does not close it off
 * for good.
 */
export class KnobMemory {
  readonly #readings = new Map<number, Remembered>();
  readonly #tellingRatio: number;
  readonly #divisorAt: (value: number) => number;
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
    if (hasChanged) this.#rescale(ratio);
    const anchorMs = this.#readings.get(value)?.anchorMs ?? Number.NaN;
    const keepsAnchor = !hasChanged && anchorMs > 0;
    this.#readings.set(value, {
      ...reading,
      anchorMs: keepsAnchor ? anchorMs : reading.executionMs,
    });
  }

  /** Notes that the engine could not reach this value. */
  recordUnreachable(value: number): void {
    this.#readings.set(value, {
      latencyMs: Number.POSITIVE_INFINITY,
      throughputPerS: 0,
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
    const worthwhilePerS = this.#throughputPerS(value) * (1 + worthwhileShare);
    return this.#extreme(
      Math.min,
      (other, reading) =>
        other > value &&
        (reading.latencyMs > limitMs ||
          this.fallsShortOf(value, other) ||
          (other >= value * this.#tellingRatio && reading.throughputPerS < worthwhilePerS)),
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
    const useless = this.smallestUselessAbove(value, limitMs);
    if (useless === undefined) return largest >= (1 + promisingShare) * value;
    const hereMs = this.#readings.get(value)?.latencyMs ?? Number.NaN;
    const uselessMs = this.#readings.get(useless)?.latencyMs ?? Number.NaN;
    if (uselessMs <= limitMs) return false;
    const share = Number.isFinite(uselessMs) ? (limitMs - hereMs) / (uselessMs - hereMs) : 1;
    const reach = Math.ceil(value + share * (useless - value));
    return reach * hereMs >= (1 + promisingShare) * value * limitMs;
  }

  /** True when `value` is known to give clearly less throughput than `best`. */
  fallsShortOf(best: number, value: number): boolean {
    return this.#throughputPerS(value) * (1 + clearShare) < this.#throughputPerS(best);
  }

  /** True when a clearly smaller value gave about the same throughput already. */
  gainedNothingAt(value: number, limitMs: number): boolean {
    const below = this.#tellingBelow(value, limitMs);
    if (below === undefined) return false;
    return this.#throughputPerS(value) < this.#throughputPerS(below) * (1 + worthwhileShare);
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
