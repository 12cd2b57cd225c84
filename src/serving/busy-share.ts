/**
 * Share of instance time spent running, over the recent past: an exponential average with the given
 * time constant, fed at every change of the number of busy instances. Starts at 1, as if busy.
 */
export class BusyShare {
  readonly #timeConstantMs: number;
  #share = 1;
  #current = 0;
  #sinceMs: number;

  constructor(timeConstantMs: number, nowMs: number) {
    this.#timeConstantMs = timeConstantMs;
    this.#sinceMs = nowMs;
  }

  /** From now on `busy` of `instances` run; 0 instances count as busy. */
  set(busy: number, instances: number, nowMs: number): void {
    this.at(nowMs);
    this.#current = instances > 0 ? Math.min(1, busy / instances) : 1;
  }

  /** The average up to now, 0..1. */
  at(nowMs: number): number {
    const decay = Math.exp(-Math.max(0, nowMs - this.#sinceMs) / this.#timeConstantMs);
    this.#share = this.#current + (this.#share - this.#current) * decay;
    this.#sinceMs = nowMs;
    return this.#share;
  }
}
