import type { Random } from '../random.ts';

/** Items in round after round, each round in another order; the seed alone decides which. */
export class ShuffledRounds {
  readonly #random: Random;
  readonly #order: Uint32Array;
  readonly #bad = new Set<number>();
  #position: number;

  /** @param count of items, numbered from 0; at least 1 */
  constructor(count: number, random: Random) {
    this.#random = random;
    this.#order = Uint32Array.from({ length: count }, (_, item) => item);
    this.#position = count;
  }

  /** Items left out. */
  get left(): number {
    return this.#bad.size;
  }

  /** The item whose turn it is, until `advance`; call only while one is not left out. */
  get current(): number {
    for (;;) {
      if (this.#position === this.#order.length) {
        // All items are shuffled, those left out too, so that the order does not depend on when
        // an item was left out.
        this.#shuffle();
        this.#position = 0;
      }
      const item = this.#order[this.#position] as number;
      if (!this.#bad.has(item)) return item;
      this.#position += 1;
    }
  }

  advance(): void {
    this.#position += 1;
  }

  /** Passes the item over from now on; true when all are. */
  leaveOut(item: number): boolean {
    this.#bad.add(item);
    return this.#bad.size === this.#order.length;
  }

  #shuffle(): void {
    const order = this.#order;
    for (let i = order.length - 1; i > 0; i -= 1) {
      const j = this.#random.integer(i + 1);
      const held = order[i] as number;
      order[i] = order[j] as number;
      order[j] = held;
    }
  }
}
