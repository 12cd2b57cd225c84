/** Sums over the recent past, in slots of one second: for rates that need no history. */
export class RollingCounter {
  readonly #slots: Float64Array;
  /** Second that a slot was last used in. */
  readonly #seconds: Float64Array;

  /** @param windowS how far back `total` looks, in whole seconds from 1 */
  constructor(windowS: number) {
    this.#slots = new Float64Array(windowS);
    this.#seconds = new Float64Array(windowS).fill(Number.NEGATIVE_INFINITY);
  }

  add(amount: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = second % this.#slots.length;
    if (this.#seconds[slot] !== second) {
      this.#seconds[slot] = second;
      this.#slots[slot] = 0;
    }
    this.#slots[slot] = (this.#slots[slot] as number) + amount;
  }

  /** What was added in the last `windowS` seconds, the current one included. */
  total(nowMs: number): number {
    const oldest = Math.floor(nowMs / 1000) - this.#slots.length;
    let total = 0;
    for (const [slot, amount] of this.#slots.entries()) {
      if ((this.#seconds[slot] as number) > oldest) total += amount;
    }
    return total;
  }
}
