import type { Clock, TimerHandle } from '../../clock.ts';

export interface BackoffOptions {
  readonly firstMs: number;
  readonly mostMs: number;
  readonly clock: Clock;
  /** Called when a pause is over. */
  readonly onOver: () => void;
}

/** Pauses after failures: each twice as long as the one before, until a success. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;
  #timer: TimerHandle | undefined;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** True during a pause. */
  get pausing(): boolean {
    return this.#timer !== undefined;
  }

  /** Begins a pause, instead of the one that may be under way. */
  failed(): void {
    const { firstMs, mostMs, clock, onOver } = this.#options;
    this.cut();
    const pauseMs = Math.min(firstMs * 2 ** this.#failures, mostMs);
    this.#failures += 1;
    this.#timer = clock.setTimer(pauseMs, () => {
      this.#timer = undefined;
      onOver();
    });
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Ends a pause before its time, without a call. */
  cut(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
