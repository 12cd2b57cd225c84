import { holdBackMs, shortestHoldMs } from '../batching/hold-back.ts';
import { RequestQueue } from '../batching/request-queue.ts';
import type { Clock, TimerHandle } from '../clock.ts';
import type { Engine, RunOutcome } from '../engines/engine.ts';
import type { DnnScalerError } from '../errors.ts';

/** Called once per request: with the reply, or with the error. */
export type Settle<Reply> = (error: DnnScalerError | null, reply: Reply | undefined) => void;

export interface PendingRequest<Row, Reply> {
  readonly row: Row;
  readonly arrivalMs: number;
  readonly settle: Settle<Reply>;
}

/** A batch on its way through the engine. */
export interface Batch<Row, Reply> {
  readonly requests: readonly PendingRequest<Row, Reply>[];
  /** The batcher's epoch when it was formed; it rises whenever the operating point changes. */
  readonly epoch: number;
  /** Instances that died under these requests so far. */
  readonly deaths: number;
  readonly dispatchedMs: number;
}

/** Told of every batch that ended for good, before its requests are settled. */
export interface BatchListener<Row, Reply> {
  onAnswered(batch: Batch<Row, Reply>, endedMs: number): void;
  onFailed(batch: Batch<Row, Reply>, error: DnnScalerError): void;
}

/** Instances that may die under a batch before it is taken apart. */
const tolerableDeaths = 2;

/**
 * Forms batches and hands them to free instances. A batch that loses its instance runs once more
 * elsewhere; one that loses two is taken apart, so that only the guilty request fails. Neither
 * promises nor timers are made per request: one timer serves the batch being held back.
 */
export class Dispatcher<Row, Reply> {
  readonly #engine: Engine<Row, Reply>;
  readonly #clock: Clock;
  readonly #listener: BatchListener<Row, Reply>;
  readonly #queue = new RequestQueue<PendingRequest<Row, Reply>>();
  /** Batches that lost their instance, to run again as they are. */
  readonly #again: Pick<Batch<Row, Reply>, 'requests' | 'epoch' | 'deaths'>[] = [];
  #batchSize = 1;
  #epoch = 0;
  #sloLimitMs: number;
  #expectedExecutionMs = Number.NaN;
  #inFlight = 0;
  #holdTimer: TimerHandle | undefined;
  #holdUntilMs = 0;
  #holdsBack = true;
  #hasGivenUp = false;
  /** Over 0 while replies are handed out or batches dispatched: pumping waits until it is over. */
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
    this.#expectedExecutionMs = Number.NaN;
    this.pump();
  }

  setSloLimit(limitMs: number): void {
    this.#sloLimitMs = limitMs;
    this.pump();
  }

  submit(row: Row, settle: Settle<Reply>): void {
    this.#queue.push({ row, arrivalMs: this.#clock.nowMs(), settle });
    this.pump();
  }

  /** Dispatches what can be dispatched; call when capacity may have come free. */
  pump(): void {
    if (this.#corks > 0) return;
    this.#corks += 1;
    while (this.#engine.freeInstances > 0 && this.#dispatchOne());
    this.#corks -= 1;
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
    const waiting = this.#queue.take(this.#queue.length);
    const again = this.#again.splice(0).flatMap((batch) => batch.requests);
    for (const request of [...again, ...waiting]) request.settle(error, undefined);
  }

  #dispatchOne(): boolean {
    const again = this.#again.shift();
    if (again !== undefined) {
      this.#run(again.requests, again.epoch, again.deaths);
      return true;
    }
    const oldest = this.#queue.peek();
    if (oldest === undefined) return false;
    if (this.#holdsBack && this.#queue.length < this.#batchSize) {
      const nowMs = this.#clock.nowMs();
      const waitMs = holdBackMs({
        queued: this.#queue.length,
        batchSize: this.#batchSize,
        oldestWaitMs: nowMs - oldest.arrivalMs,
        sloLimitMs: this.#sloLimitMs,
        expectedExecutionMs: this.#expectedExecutionMs,
      });
      if (waitMs > 0) {
        this.#hold(nowMs, waitMs);
        return false;
      }
    }
    this.#run(this.#queue.take(this.#batchSize), this.#epoch, 0);
    return true;
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

  #run(requests: readonly PendingRequest<Row, Reply>[], epoch: number, deaths: number): void {
    this.#clearHold();
    const batch = { requests, epoch, deaths, dispatchedMs: this.#clock.nowMs() };
    const rows = new Array<Row>(requests.length);
    for (let i = 0; i < requests.length; i += 1)
      rows[i] = (requests[i] as (typeof requests)[0]).row;
    this.#inFlight += 1;
    this.#engine.run(rows, (outcome) => {
      this.#inFlight -= 1;
      this.#corks += 1;
      this.#end(batch, outcome);
      this.#corks -= 1;
      this.pump();
    });
  }

  #end(batch: Batch<Row, Reply>, outcome: RunOutcome<Reply>): void {
    const { requests } = batch;
    if (outcome.kind === 'done') {
      const endedMs = this.#clock.nowMs();
      if (batch.epoch === this.#epoch) this.#expect(endedMs - batch.dispatchedMs);
      this.#listener.onAnswered(batch, endedMs);
      for (let i = 0; i < requests.length; i += 1) {
        (requests[i] as (typeof requests)[0]).settle(null, outcome.replies.replyAt(i));
      }
      return;
    }
    if (outcome.kind === 'instance-lost' && this.#runAgain(batch)) return;
    this.#listener.onFailed(batch, outcome.error);
    for (const request of requests) request.settle(outcome.error, undefined);
  }

  /** Puts the requests of a batch that lost its instance back; false when they had their chances. */
  #runAgain(batch: Batch<Row, Reply>): boolean {
    const deaths = batch.deaths + 1;
    const { requests, epoch } = batch;
    if (this.#hasGivenUp) return false;
    if (deaths < tolerableDeaths) {
      this.#again.push({ requests, epoch, deaths });
      return true;
    }
    if (requests.length === 1) return false;
    for (const request of requests) this.#again.push({ requests: [request], epoch, deaths });
    return true;
  }

  /** Follows the execution time: up at once, so that held-back batches are not late, down slowly. */
  #expect(executionMs: number): void {
    const expected = this.#expectedExecutionMs;
    this.#expectedExecutionMs =
      expected >= executionMs ? expected + (executionMs - expected) / 16 : executionMs;
  }
}
