import type { Clock, TimerHandle } from '../../clock.ts';
import { DnnScalerError } from '../../errors.ts';
import type { Slo } from '../../slo.ts';
import type { Arrivals } from '../../workload/arrivals.ts';
import { ClosedLoop } from '../../workload/closed-loop.ts';
import { OpenLoop } from '../../workload/open-loop.ts';
import type { RowSource } from '../../workload/row-source.ts';
import type { LoadResult, LoadWindow } from './load-result.ts';
import type { Settlement } from './load-tally.ts';
import { LoadTally, WindowRecorder } from './load-tally.ts';
import type { LoadTarget } from './load-target.ts';
import type { GatedRequest } from './request-gate.ts';
import { RequestGate } from './request-gate.ts';
import { ScheduledArrivals } from './scheduled-arrivals.ts';
import { summarizeLoad } from './summarize-load.ts';

/** When requests are sent: as they arrive, or as they are answered. */
export type LoadPattern =
  | { readonly kind: 'open'; readonly arrivals: Arrivals }
  | { readonly kind: 'closed'; readonly concurrency: number };

export interface LoadRunOptions<Request> {
  readonly target: LoadTarget<Request>;
  readonly source: RowSource<Request>;
  readonly pattern: LoadPattern;
  readonly slo: Slo;
  readonly clock: Clock;
  /** Measured time in ms; the load ends before it when its arrivals do. */
  readonly durationMs: number;
  /** Time before it under the same load, whose requests do not count, in ms; 0 by default. */
  readonly warmupMs?: number;
  /** Patience of each request, counted from when it was due, in ms. */
  readonly timeoutMs: number;
  /** Requests with the target at a time; those beyond wait for their turn, in order. */
  readonly maxInFlight: number;
  /** Length of the windows, in ms. */
  readonly windowMs: number;
  readonly onWindow?: (window: LoadWindow) => void;
}

/** An arrival that would leave the generator later than this is dropped and counted, in ms. */
const maxLagMs = 1000;

/** How long an interrupted load still waits for answers, in ms. */
const graceMs = 2000;

/** What a client of a closed loop waits after a request that brought no answer, in ms. */
const closedLoopPauseMs = 100;

/** So many refusals and nothing else, and the load ends: it would learn nothing more. */
const tolerableRefusals = 8;

/**
 * One run of load against one target. Pure but for its clock and target, so that it runs in virtual
 * time as well.
 */
export class LoadRun<Request> {
  /** Settles when all requests have ended; rejects when the target refuses them as they are. */
  readonly finished: Promise<LoadResult>;
  readonly #options: LoadRunOptions<Request>;
  readonly #warmupMs: number;
  readonly #tally: LoadTally;
  readonly #recorder: WindowRecorder;
  readonly #gate: RequestGate<Request>;
  readonly #windows: LoadWindow[] = [];
  readonly #open: OpenLoop<Request> | undefined;
  readonly #closed: ClosedLoop<Request> | undefined;
  #state: 'new' | 'sending' | 'draining' | 'ended' = 'new';
  #hasMoreArrivals: boolean;
  #startMs = 0;
  /** How long requests were sent, warm-up included; infinite while they still are. */
  #sentForMs = Infinity;
  #windowStartMs = 0;
  /** Since the load began, and nothing but them; undefined once anything else came. */
  #refusals: number | undefined = 0;
  #endTimer: TimerHandle | undefined;
  #windowTimer: TimerHandle | undefined;
  #resolve!: (result: LoadResult) => void;
  #reject!: (error: DnnScalerError) => void;

  constructor(options: LoadRunOptions<Request>) {
    this.#options = options;
    const { slo, clock, source, pattern, warmupMs = 0, durationMs } = options;
    this.#warmupMs = warmupMs;
    this.#tally = new LoadTally(slo);
    this.#recorder = new WindowRecorder(slo);
    this.#gate = new RequestGate({
      ...options,
      onSettled: (entry, settlement) => {
        this.#settle(entry, settlement);
      },
      onWait: ({ dueMs }) => {
        if (this.#isMeasured(dueMs)) this.#tally.waited += 1;
      },
    });
    this.#hasMoreArrivals = pattern.kind === 'open';
    if (pattern.kind === 'open') {
      const totalMs = warmupMs + durationMs;
      const arrivals = new ScheduledArrivals(pattern.arrivals, totalMs, (end) => {
        this.#hasMoreArrivals = false;
        if (end === 'ran-out') this.#endSending(arrivals.latestMs);
        this.#endIfDone();
      });
      this.#open = new OpenLoop(source, arrivals, clock, (request, settled) => {
        this.#arrive(request, this.#startMs + arrivals.latestMs, settled);
      });
    } else {
      this.#closed = new ClosedLoop(source, (request, settled) => {
        this.#submit(request, clock.nowMs(), settled);
      });
    }
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The windows closed so far. */
  get windows(): readonly LoadWindow[] {
    return this.#windows;
  }

  /** Since the load began, warm-up included, in ms. */
  get elapsedMs(): number {
    return this.#state === 'new' ? 0 : this.#options.clock.nowMs() - this.#startMs;
  }

  start(): this {
    const { clock, durationMs, pattern } = this.#options;
    const totalMs = this.#warmupMs + durationMs;
    this.#state = 'sending';
    this.#startMs = this.#windowStartMs = clock.nowMs();
    this.#endTimer = clock.setTimer(totalMs, () => {
      this.#endSending(totalMs);
      this.#endIfDone();
    });
    this.#armWindow();
    this.#open?.start();
    if (pattern.kind === 'closed') this.#closed?.setOutstanding(pattern.concurrency);
    return this;
  }

  /** Sends nothing more, waits a moment for answers, and ends with what it has. */
  stop(): void {
    const { clock } = this.#options;
    if (this.#state !== 'sending' && this.#state !== 'draining') return;
    this.#open?.stop();
    this.#hasMoreArrivals = false;
    this.#endSending(this.elapsedMs);
    clock.clearTimer(this.#endTimer);
    this.#endTimer = clock.setTimer(graceMs, () => {
      this.#finish();
    });
    this.#endIfDone();
  }

  /** A request of an open loop, at its time or later. */
  #arrive(request: Request, intendedMs: number, settled: () => void): void {
    const nowMs = this.#options.clock.nowMs();
    const lagMs = Math.max(0, nowMs - intendedMs);
    const isMeasured = this.#isMeasured(intendedMs);
    if (lagMs > maxLagMs) {
      if (isMeasured) this.#tally.unsent += 1;
      settled();
      return;
    }
    if (isMeasured) this.#tally.lag.record(lagMs);
    // Timers of whole milliseconds fire a little early at times; no request is due before it leaves.
    this.#submit(request, Math.min(intendedMs, nowMs), settled);
  }

  #submit(request: Request, dueMs: number, settled: () => void): void {
    this.#recorder.recordSent();
    this.#gate.submit(request, dueMs, settled);
  }

  #settle(entry: GatedRequest<Request>, settlement: Settlement): void {
    const nowMs = this.#options.clock.nowMs();
    this.#recorder.record(settlement, nowMs - entry.dueMs);
    if (this.#isMeasured(entry.dueMs)) this.#tally.record(settlement, entry, nowMs);
    if (settlement.kind === 'answered' && this.#isMeasured(nowMs)) this.#tally.answeredInTime += 1;
    if (this.#isHopeless(settlement)) return;
    this.#sendNext(entry, settlement);
    this.#endIfDone();
  }

  /** A closed loop would hammer a server that turns its requests away, were it not to pause. */
  #sendNext({ next }: GatedRequest<Request>, { kind }: Settlement): void {
    if (this.#closed === undefined || kind === 'answered') next();
    else this.#options.clock.setTimer(closedLoopPauseMs, next);
  }

  /** Ends the load in an error when the server has done nothing but refuse its requests. */
  #isHopeless(settlement: Settlement): boolean {
    if (this.#refusals === undefined) return false;
    if (settlement.kind !== 'failed' || !settlement.isRefusal) {
      this.#refusals = undefined;
      return false;
    }
    this.#refusals += 1;
    if (this.#refusals < tolerableRefusals) return false;
    this.#end();
    const { code, message } = settlement.error;
    this.#reject(new DnnScalerError(code, `the requests are refused: ${message}`));
    return true;
  }

  #endSending(sentForMs: number): void {
    if (this.#state !== 'sending') return;
    this.#state = 'draining';
    this.#sentForMs = sentForMs;
    this.#closed?.stop();
  }

  #endIfDone(): void {
    if (this.#state !== 'draining' || this.#hasMoreArrivals) return;
    if (this.#gate.outstanding === 0) this.#finish();
  }

  #finish(): void {
    const abandoned = this.#end();
    const { maxInFlight } = this.#options;
    this.#resolve(
      summarizeLoad(this.#tally, {
        durationMs: Math.max(0, this.#sentForMs - this.#warmupMs),
        warmupMs: this.#warmupMs,
        windows: [...this.#windows],
        maxInFlight,
        maxLagMs,
        abandoned: abandoned.filter(({ dueMs }) => this.#isMeasured(dueMs)).length,
      }),
    );
  }

  #end(): readonly GatedRequest<Request>[] {
    const { clock } = this.#options;
    this.#open?.stop();
    this.#closed?.stop();
    this.#closeWindow();
    this.#state = 'ended';
    clock.clearTimer(this.#endTimer);
    clock.clearTimer(this.#windowTimer);
    return this.#gate.abandon();
  }

  #armWindow(): void {
    const { clock, windowMs } = this.#options;
    const delayMs = this.#windowStartMs + windowMs - clock.nowMs();
    this.#windowTimer = clock.setTimer(Math.max(0, delayMs), () => {
      this.#closeWindow();
      this.#armWindow();
    });
  }

  #closeWindow(): void {
    const nowMs = this.#options.clock.nowMs();
    const durationMs = nowMs - this.#windowStartMs;
    if (durationMs <= 0) return;
    const window = this.#recorder.close({
      timeMs: nowMs - this.#startMs,
      durationMs,
      isWarmUp: this.#windowStartMs - this.#startMs < this.#warmupMs,
      outstanding: this.#gate.outstanding,
    });
    this.#windowStartMs = nowMs;
    this.#windows.push(window);
    this.#options.onWindow?.(window);
  }

  /** Whether a time lies within the measured part of the load. */
  #isMeasured(timeMs: number): boolean {
    return timeMs >= this.#startMs + this.#warmupMs && timeMs <= this.#startMs + this.#sentForMs;
  }
}
