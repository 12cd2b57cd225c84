/** What was measured at one value of a knob. */
export interface KnobReading {
  readonly latencyMs: number;
  readonly throughputPerS: number;
}

/** A latency outside these multiples of the one remembered means that the machine's speed changed. */
const slower = 1.25;
const faster = 1 / slower;

/** Throughput must rise by this share to be worth a larger knob. */
const worthwhileShare = 0.02;

/** Holds before growth that failed is tried again; doubles with every retry. */
const firstPatience = 32;

/**
 * What a one-knob search has learnt: the latest reading at each value it visited. Brackets are
 * derived from it, so that a new SLO needs no special case. When the value in use turns out slower
 * or faster than it was, so are the others, and their readings are rescaled. Growth that once
 * failed is tried again, at ever longer intervals, so that one noisy window does not close it off
 * for good.
 */
export class KnobMemory {
  readonly #readings = new Map<number, KnobReading>();
  #patience = firstPatience;
  #holds = 0;

  record(value: number, reading: KnobReading): void {
    const before = this.#readings.get(value);
    const ratio = before === undefined ? 1 : reading.latencyMs / before.latencyMs;
    if (ratio > slower || ratio < faster) this.#rescale(ratio);
    this.#readings.set(value, reading);
  }

  /** Notes that the engine could not reach this value. */
  recordUnreachable(value: number): void {
    this.#readings.set(value, { latencyMs: Number.POSITIVE_INFINITY, throughputPerS: 0 });
  }

  /** The value with the highest throughput among those within the limit. */
  best(limitMs: number): number | undefined {
    let best: number | undefined;
    let bestPerS = 0;
    for (const [value, reading] of this.#readings) {
      if (reading.latencyMs <= limitMs && reading.throughputPerS > bestPerS) {
        best = value;
        bestPerS = reading.throughputPerS;
      }
    }
    return best;
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
    const here = this.#readings.get(value);
    const worthwhilePerS = (here?.throughputPerS ?? 0) * (1 + worthwhileShare);
    return this.#extreme(
      Math.min,
      (other, reading) =>
        other > value && (reading.latencyMs > limitMs || reading.throughputPerS < worthwhilePerS),
    );
  }

  /** True when `value` is known to give clearly less throughput than `best`. */
  fallsShortOf(best: number, value: number): boolean {
    const bestPerS = this.#readings.get(best)?.throughputPerS ?? 0;
    const herePerS = this.#readings.get(value)?.throughputPerS ?? 0;
    return herePerS * (1 + worthwhileShare) < bestPerS;
  }

  /** True when the next smaller known value gave about the same throughput already. */
  gainedNothingAt(value: number, limitMs: number): boolean {
    const below = this.largestWithinBelow(value, limitMs);
    return below !== undefined && !this.fallsShortOf(value, below);
  }

  /** Counts a hold at `value` with growth closed off; now and then forgets what closed it. */
  tire(value: number): void {
    this.#holds += 1;
    if (this.#holds < this.#patience) return;
    this.#holds = 0;
    this.#patience *= 2;
    for (const other of [...this.#readings.keys()]) {
      if (other !== value) this.#readings.delete(other);
    }
  }

  #rescale(ratio: number): void {
    for (const [value, reading] of this.#readings) {
      this.#readings.set(value, {
        latencyMs: reading.latencyMs * ratio,
        throughputPerS: reading.throughputPerS / ratio,
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
