/**
 * Seeded pseudo-random numbers (sfc32 by Chris Doty-Humphrey, public domain, seeded through
 * splitmix32). The same seed gives the same sequence on every machine. Not for secrets.
 */
export class Random {
  readonly #state = new Int32Array(4);
  #spareNormal: number | undefined;

  /** @param seed any finite number; its low 32 bits and its upper part both count */
  constructor(seed: number) {
    const upper = Math.imul(Math.trunc(seed / 0x1_0000_0000), 0x85ebca6b);
    let state = (Math.trunc(seed) ^ upper) >>> 0;
    const splitmix = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.#state.set([splitmix(), splitmix(), splitmix(), 1]);
    for (let i = 0; i < 12; i += 1) this.nextUint32();
  }

  nextUint32(): number {
    const state = this.#state;
    const a = state[0] as number;
    const b = state[1] as number;
    const c = state[2] as number;
    const counter = state[3] as number;
    const result = (((a + b) | 0) + counter) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + result) | 0;
    state[3] = (counter + 1) | 0;
    return result >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** Uniform integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Normal with mean 0 and standard deviation 1 (Marsaglia's polar method). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    let x: number;
    let y: number;
    let square: number;
    do {
      x = 2 * this.next() - 1;
      y = 2 * this.next() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    this.#spareNormal = y * scale;
    return x * scale;
  }

  /** Exponential with the given mean (> 0), in the mean's unit. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i -= 1) {
      const j = this.integer(i + 1);
      const held = items[i] as T;
      items[i] = items[j] as T;
      items[j] = held;
    }
    return items;
  }

  /** An independent generator, derived from this one's state. */
  fork(): Random {
    return new Random(this.nextUint32());
  }
}

/** A seed taken from chance, for when the user gave none. Print it, so that the run can be repeated. */
export function chanceSeed(): number {
  return Math.floor(Math.random() * 0x8000_0000);
}
