import type { Clock } from '../../clock.ts';

/** Time that is shared out among what is still to come, so that what ends early leaves more to the rest. */
export class TimeBudget {
  readonly #clock: Clock;
  readonly #untilMs: number;

  constructor(clock: Clock, budgetMs: number) {
    this.#clock = clock;
    this.#untilMs = clock.nowMs() + budgetMs;
  }

  get leftMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.nowMs());
  }

  /** A budget of a share (0..1) of what is left. */
  share(share: number): TimeBudget {
    return new TimeBudget(this.#clock, this.leftMs * share);
  }
}
