import type { Arrivals } from '../../workload/arrivals.ts';

/** Why no more arrivals come: there are no more, or the time is up. */
export type ArrivalsEnd = 'ran-out' | 'time-up';

/** Arrivals up to a time, which remember when the latest one was meant to come. */
export class ScheduledArrivals implements Arrivals {
  readonly #arrivals: Arrivals;
  readonly #limitMs: number;
  readonly #onEnd: (end: ArrivalsEnd) => void;
  #latestMs = 0;

  /**
   * @param limitMs arrivals later than this, since the first gap began, do not come
   * @param onEnd called when the arrival after the last was asked for
   */
  constructor(arrivals: Arrivals, limitMs: number, onEnd: (end: ArrivalsEnd) => void) {
    this.#arrivals = arrivals;
    this.#limitMs = limitMs;
    this.#onEnd = onEnd;
  }

  /** When the arrival of the latest gap was meant to come, in ms since the first gap began. */
  get latestMs(): number {
    return this.#latestMs;
  }

  nextGapMs(): number | undefined {
    const gapMs = this.#arrivals.nextGapMs();
    if (gapMs !== undefined && this.#latestMs + gapMs <= this.#limitMs) {
      this.#latestMs += gapMs;
      return gapMs;
    }
    this.#onEnd(gapMs === undefined ? 'ran-out' : 'time-up');
    return undefined;
  }
}
