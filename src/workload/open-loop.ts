import type { Clock, TimerHandle } from '../clock.ts';
import type { Arrivals } from './arrivals.ts';
import type { Submit } from './closed-loop.ts';
import type { RowSource } from './row-source.ts';

/**
 * An open loop: rows are handed over when they arrive, whatever has been answered. Arrival times
 * add up exactly: a timer that fires late does not delay the arrivals after it. One timer is
 * pending at a time.
 */
export class OpenLoop<Row> {
  readonly #source: RowSource<Row>;
  readonly #arrivals: Arrivals;
  readonly #clock: Clock;
  readonly #submit: Submit<Row>;
  #timer: TimerHandle | undefined;
  #nextMs: number | undefined;
  #state: 'new' | 'running' | 'ended' = 'new';
  #submitted = 0;
  #outstanding = 0;
  #starved = 0;

  constructor(source: RowSource<Row>, arrivals: Arrivals, clock: Clock, submit: Submit<Row>) {
    this.#source = source;
    this.#arrivals = arrivals;
    this.#clock = clock;
    this.#submit = submit;
  }

  /** Rows handed over so far. */
  get submitted(): number {
    return this.#submitted;
  }

  /** Rows handed over and not yet answered. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Arrivals for which the source had no row ready; they were dropped. */
  get starved(): number {
    return this.#starved;
  }

  /** True once the arrivals have ended, or the loop was stopped. */
  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** The first arrival comes one gap from now. */
  start(): this {
    if (this.#state !== 'new') return this;
    this.#state = 'running';
    this.#nextMs = this.#clock.nowMs();
    this.#schedule();
    return this;
  }

  /** Submits no more rows; those outstanding will still be answered. */
  stop(): void {
    this.#state = 'ended';
    this.#clock.clearTimer(this.#timer);
  }

  readonly #settled = (): void => {
    this.#outstanding -= 1;
  };

  readonly #arrive = (): void => {
    const nowMs = this.#clock.nowMs();
    do {
      this.#handOver();
      this.#advance();
    } while (this.#isRunning() && (this.#nextMs as number) <= nowMs);
    this.#arm();
  };

  #handOver(): void {
    const row = this.#source.take();
    if (row === undefined) {
      this.#starved += 1;
      return;
    }
    this.#submitted += 1;
    this.#outstanding += 1;
    this.#submit(row, this.#settled);
  }

  #schedule(): void {
    this.#advance();
    this.#arm();
  }

  #advance(): void {
    const gapMs = this.#arrivals.nextGapMs();
    if (gapMs === undefined) this.#state = 'ended';
    else this.#nextMs = (this.#nextMs as number) + gapMs;
  }

  #arm(): void {
    if (!this.#isRunning()) return;
    const delayMs = Math.max(0, (this.#nextMs as number) - this.#clock.nowMs());
    this.#timer = this.#clock.setTimer(delayMs, this.#arrive);
  }

  /** A method, because submitting a row may stop the loop. */
  #isRunning(): boolean {
    return this.#state === 'running';
  }
}
