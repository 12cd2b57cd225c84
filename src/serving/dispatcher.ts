import { holdBackMs, shortestHoldMs } from '../batching/hold-back.ts';
import { Lanes } from '../batching/lanes.ts';
import type { Lane } from '../batching/lanes.ts';
import { isWorthPrefetching } from '../batching/prefetch.ts';
import type { Clock, TimerHandle } from '../clock.ts';
import type { Engine, RunOutcome } from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import { formatMs } from '../units.ts';
import { BusyShare } from './busy-share.ts';
import { ExpectedExecution } from './expected-execution.ts';
import { startOf } from './request.ts';
import type {
  AnsweringCall,
  Batch,
  BatchListener,
  PendingRequest,
  Settle,
  SubmitOptions,
} from './request.ts';

/** Instances that may die under a batch before it is taken apart. */
const tolerableDeaths = 2;

/** How far back the share of busy time looks, in ms. */
const busyMemoryMs = 1000;

/**
 * Forms batches and hands them to free instances. A batch that loses its instance runs once more
 * elsewhere; one that loses two is taken apart, so that only the guilty request fails. Neither
 * promises nor timers are made per request: one timer serves the batch being held back.
 */
export class Dispatcher<Row, Reply> {
  readonly #engine: Engine<Row, Reply>;
  readonly #clock: Clock;
  readonly #listener: BatchListener<Row, Reply>;
  readonly #queue = new Lanes<PendingRequest<Row, Reply>>();
  readonly #busy: BusyShare;
  readonly #expected = new ExpectedExecution();
  /** Batches that lost their instance, to run again as they are. */
  readonly #again: Pick<Batch<Row, Reply>, 'requests' | 'epoch' | 'deaths'>[] = [];
  #batchSize = 1;
  #epoch = 0;
  #sloLimitMs: number;
  #inFlight = 0;
  /** Those of them that wait at an instance. */
  #prefetched = 0;
  #holdTimer: TimerHandle | undefined;
  #holdUntilMs = 0;
  #holdsBack = true;
  #hasGivenUp = false;
  /** Over 0 while replies are handed out, batches dispatched or rows submitted together: pumping waits. */
  #corks = 0;

  constructor(
    engine: Engine<Row, Reply>,
    clock: Clock,
    sloLimitMs: number,
    listener: BatchListener<Row, Reply>,
  ) {
    this.#engine = engine;
    this.#clock = clock;
    this.#sloLimitMs = sloLimitMs;
    this.#listener = listener;
    this.#busy = new BusyShare(busyMemoryMs, clock.nowMs());
  }

  /** Requests waiting for an instance. */
  get queued(): number {
    let again = 0;
    for (const batch of this.#again) again += batch.requests.length;
    return this.#queue.length + again;
  }

  /** Batches inside the engine. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Starts a new epoch: batches formed from now on have up to `batchSize` rows. */
  setBatchSize(batchSize: number): void {
    this.#batchSize = batchSize;
    this.#epoch += 1;
    this.#expected.forget();
    this.pump();
  }

  setSloLimit(limitMs: number): void {
    this.#sloLimitMs = limitMs;
    this.pump();
  }

  submit(
    row: Row,
    settle: Settle<Reply>,
    { expiresMs = Number.POSITIVE_INFINITY }: SubmitOptions = {},
  ): PendingRequest<Row, Reply> {
    const request: PendingRequest<Row, Reply> = {
      row,
      arrivalMs: this.#clock.nowMs(),
      expiresMs,
      settle,
      dropped: false,
      lane: undefined,
    };
    request.lane = this.#queue.push(this.#engine.batchKey?.(row) ?? '', request);
    this.pump();
    return request;
  }

  /** Takes what `act` submits for one arrival: no batch is dispatched before all of it is here. */
  together(act: () => void): void {
    try {
      this.#corked(act);
    } finally {
      this.pump();
    }
  }

  /** Withdraws a request that is in the queue, settling it as cancelled; any other is left to end. */
  cancel(request: PendingRequest<Row, Reply>): void {
    if (request.lane === undefined || request.dropped) return;
    request.lane.drop(request);
    request.settle(
      new DnnScalerError('cancelled', 'the request was withdrawn'),
      undefined,
      undefined,
    );
  }

  /**
   * Dispatches what can be dispatched; call when capacity may have come free.
   *
   * @param onlyWhole leaves batches that later requests may yet fill. Default false
   */
  pump(onlyWhole = false): void {
    if (this.#corks > 0) return;
    this.#corked(() => {
      while (this.#engine.freeInstances > 0 && this.#dispatchOne(onlyWhole));
      while (this.#mayPrefetch() && this.#dispatchOne(true, true));
    });
  }

  /** Holds nothing back any more: no further requests will come. */
  hurry(): void {
    this.#holdsBack = false;
    this.pump();
  }

  /**
   * Fails everything that waits. What is inside the engine is left to end, and fails too if its
   * instance is lost.
   */
  giveUp(error: DnnScalerError): void {
    this.#hasGivenUp = true;
    this.#clearHold();
    const waiting = this.#queue.takeAll();
    const again = this.#again.splice(0).flatMap((batch) => batch.requests);
    // First all of them: settling one may withdraw others.
    for (const request of waiting) request.lane = undefined;
    for (const request of [...again, ...waiting]) request.settle(error, undefined, undefined);
  }

  #corked(act: () => void): void {
    this.#corks += 1;
    try {
      act();
    } finally {
      this.#corks -= 1;
    }
  }

  /** @param isAhead it is to wait at an instance, which then has no pause between two runs */
  #dispatchOne(onlyWhole: boolean, isAhead = false): boolean {
    const again = this.#again.shift();
    if (again !== undefined) {
      const requests = this.#unexpired(again.requests);
      if (requests.length > 0) this.#run(requests, again.epoch, again.deaths);
      return true;
    }
    const oldest = this.#queue.oldest();
    if (oldest === undefined) return false;
    const waitMs = this.#waitMs(oldest);
    // What cannot wait any longer goes first; else a batch that has nothing to wait for.
    const lane = waitMs === 0 ? oldest : this.#queue.oldestFull(this.#batchSize);
    if (lane === undefined) {
      if (!onlyWhole) this.#hold(this.#clock.nowMs(), waitMs);
      return false;
    }
    if (onlyWhole && lane.length < this.#batchSize) return false;
    const requests = this.#unexpired(lane.take(this.#batchSize));
    if (requests.length > 0) this.#run(requests, this.#epoch, 0, isAhead);
    return true;
  }

  #mayPrefetch(): boolean {
    const { freeInstances, prefetchRoom = 0 } = this.#engine;
    if (freeInstances > 0 || prefetchRoom === 0 || this.#again.length > 0) return false;
    return isWorthPrefetching({
      running: this.#inFlight - this.#prefetched,
      expectedExecutionMs: this.#expected.ms,
      sloLimitMs: this.#sloLimitMs,
    });
  }

  /** How long a batch of this lane may still be held back, in ms. */
  #waitMs(lane: Lane<PendingRequest<Row, Reply>>): number {
    if (!this.#holdsBack || lane.length >= this.#batchSize) return 0;
    const nowMs = this.#clock.nowMs();
    return holdBackMs({
      queued: lane.length,
      batchSize: this.#batchSize,
      oldestWaitMs: nowMs - (lane.peek()?.arrivalMs ?? nowMs),
      sloLimitMs: this.#sloLimitMs,
      expectedExecutionMs: this.#expected.ms,
      busyShare: this.#busy.at(nowMs),
    });
  }

  /** Takes requests out of the queue for good; those that waited too long are answered so. */
  #unexpired(
    requests: readonly PendingRequest<Row, Reply>[],
  ): readonly PendingRequest<Row, Reply>[] {
    const nowMs = this.#clock.nowMs();
    let expired = 0;
    for (const request of requests) {
      request.lane = undefined;
      if (request.expiresMs < nowMs) expired += 1;
    }
    if (expired === 0) return requests;
    return requests.filter(({ expiresMs, arrivalMs, settle }) => {
      if (expiresMs >= nowMs) return true;
      const message = `waited ${formatMs(nowMs - arrivalMs)} for an instance, past its timeout`;
      settle(new DnnScalerError('deadline-exceeded', message), undefined, undefined);
      return false;
    });
  }

  #hold(nowMs: number, waitMs: number): void {
    if (this.#holdTimer !== undefined) {
      // A timer that is due about then will do; one that is due later than a changed SLO allows won't.
      if (this.#holdUntilMs < nowMs + waitMs + shortestHoldMs) return;
      this.#clearHold();
    }
    this.#holdUntilMs = nowMs + waitMs;
    this.#holdTimer = this.#clock.setTimer(waitMs, () => {
      this.#holdTimer = undefined;
      this.pump();
    });
  }

  #clearHold(): void {
    if (this.#holdTimer === undefined) return;
    this.#clock.clearTimer(this.#holdTimer);
    this.#holdTimer = undefined;
  }

  #run(
    requests: readonly PendingRequest<Row, Reply>[],
    epoch: number,
    deaths: number,
    isAhead = false,
  ): void {
    this.#clearHold();
    const startedMs = isAhead ? undefined : this.#clock.nowMs();
    const batch: Batch<Row, Reply> = { requests, epoch, deaths, hasWaited: isAhead, startedMs };
    const rows = new Array<Row>(requests.length);
    for (let i = 0; i < requests.length; i += 1)
      rows[i] = (requests[i] as (typeof requests)[0]).row;
    this.#inFlight += 1;
    if (isAhead) this.#prefetched += 1;
    const ended = (outcome: RunOutcome<Reply>): void => {
      const endedMs = this.#clock.nowMs();
      this.#inFlight -= 1;
      if (batch.startedMs === undefined) this.#prefetched -= 1;
      this.#noteBusy(endedMs);
      const call = { startedMs: startOf(batch, outcome, endedMs), endedMs, rows: rows.length };
      try {
        if (outcome.kind === 'done') {
          this.#account(batch, call);
          // The instance comes first: it would stand idle while replies are handed out.
          this.pump(true);
        }
      } finally {
        try {
          this.together(() => {
            this.#end(batch, outcome, call);
          });
        } finally {
          if (outcome.kind === 'done') this.#listener.onReplied?.(call);
        }
      }
    };
    const started = (): void => {
      batch.startedMs = this.#clock.nowMs();
      this.#prefetched -= 1;
    };
    if (isAhead) this.#engine.run(rows, ended, started);
    else this.#engine.run(rows, ended);
    this.#noteBusy(this.#clock.nowMs());
  }

  #noteBusy(nowMs: number): void {
    const running = this.#inFlight - this.#prefetched;
    this.#busy.set(running, running + this.#engine.freeInstances, nowMs);
  }

  /** Tells of an answered batch, which may set off a change of the operating point. */
  #account(batch: Batch<Row, Reply>, call: AnsweringCall): void {
    this.#corked(() => {
      if (batch.epoch === this.#epoch) this.#expected.see(call.endedMs - call.startedMs);
      this.#listener.onAnswered(batch, call);
    });
  }

  #end(batch: Batch<Row, Reply>, outcome: RunOutcome<Reply>, call: AnsweringCall): void {
    const { requests } = batch;
    if (outcome.kind === 'done') {
      for (let i = 0; i < requests.length; i += 1) {
        (requests[i] as (typeof requests)[0]).settle(null, outcome.replies.replyAt(i), call);
      }
      return;
    }
    if (outcome.kind === 'instance-lost' && this.#runAgain(batch)) return;
    this.#listener.onFailed(batch, outcome.error);
    for (const request of requests) request.settle(outcome.error, undefined, undefined);
  }

  /** Puts the requests of a batch that lost its instance back; false when they had their chances. */
  #runAgain(batch: Batch<Row, Reply>): boolean {
    const { requests, epoch, startedMs } = batch;
    // One that waited had no part in its instance's death.
    const deaths = batch.deaths + (startedMs === undefined ? 0 : 1);
    if (this.#hasGivenUp) return false;
    if (deaths < tolerableDeaths) {
      this.#again.push({ requests, epoch, deaths });
      return true;
    }
    if (requests.length === 1) return false;
    for (const request of requests) this.#again.push({ requests: [request], epoch, deaths });
    return true;
  }
}
