/** Something that says how much power a machine, or a part of it, has drawn. Asking costs nothing. */
export interface PowerMeter {
  /** What is measured and how, for people: `nvidia-smi, board of GPU 0 (Tesla P40)`. */
  readonly name: string;
  /** Why there are no samples now, in a sentence; null while all is well. */
  readonly trouble: string | null;
  /**
   * Mean of the samples taken within a span of the clock, in watts; undefined without any. A sample
   * that covers time outside of the span does not count.
   */
  meanWatts(fromMs: number, toMs: number): number | undefined;
}

/** Stands where there is no meter, and says why. */
export function absentMeter(trouble: string): PowerMeter {
  return { name: 'none', trouble, meanWatts: () => undefined };
}

/** At five samples a second, the last 13 minutes. */
const defaultCapacity = 4096;

/** The latest samples of a meter, in a ring. */
export class PowerHistory {
  readonly #fromMs: Float64Array;
  readonly #toMs: Float64Array;
  readonly #watts: Float64Array;
  #count = 0;

  constructor(capacity = defaultCapacity) {
    this.#fromMs = new Float64Array(capacity);
    this.#toMs = new Float64Array(capacity);
    this.#watts = new Float64Array(capacity);
  }

  /** Adds the mean over a time, or the power at a moment where both are the same. In order. */
  add(fromMs: number, toMs: number, watts: number): void {
    const slot = this.#count % this.#watts.length;
    this.#fromMs[slot] = fromMs;
    this.#toMs[slot] = toMs;
    this.#watts[slot] = watts;
    this.#count += 1;
  }

  /** Weighted by the time that samples cover, or each alike where they cover none. */
  meanWatts(fromMs: number, toMs: number): number | undefined {
    const capacity = this.#watts.length;
    let weights = 0;
    let sum = 0;
    for (let i = this.#count - 1; i >= Math.max(0, this.#count - capacity); i -= 1) {
      const slot = i % capacity;
      const from = this.#fromMs[slot] as number;
      const to = this.#toMs[slot] as number;
      if (from < fromMs) break;
      if (to > toMs) continue;
      const weight = to > from ? to - from : 1;
      weights += weight;
      sum += weight * (this.#watts[slot] as number);
    }
    return weights === 0 ? undefined : sum / weights;
  }
}
