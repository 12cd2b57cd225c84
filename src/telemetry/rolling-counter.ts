/** Sums over the recent past, in slots of one second: for rates that need no history. */
export class RollingCounter {
  readonly #slots: Float64Array;
  /** Second that a slot was last used in. */
  readonly #seconds: Float64Array;
  readonly #startedMs: number;

  /**
   * @param windowS how far back `total` looks, in whole seconds from 1
   * @param startedMs since when it counts: a rate over less time than the window is one over that time.
   *   Default: for longer than the window
   */
  constructor(windowS: number, startedMs = Number.NEGATIVE_INFINITY) {
    this.#startedMs = startedMs;
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

  /**
   * The same for each second of it, or of the time since it started where that is less. In the very
   * first second what was counted is not yet scaled up to one.
   */
  perS(nowMs: number): number {
    const currentS = (nowMs % 1000) / 1000;
    const sinceStartS = (nowMs - this.#startedMs) / 1000;
    const coveredS = Math.min(sinceStartS, this.#slots.length - 1 + currentS);
    return this.total(nowMs) / Math.max(1, coveredS);
  }
}
