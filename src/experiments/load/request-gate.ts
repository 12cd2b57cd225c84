import type { Queued } from '../../batching/request-queue.ts';
import { RequestQueue } from '../../batching/request-queue.ts';
import type { Clock } from '../../clock.ts';
import { Deadlines } from './deadlines.ts';
import type { RequestTimes, Settlement } from './load-tally.ts';
import type { LoadTarget } from './load-target.ts';

/** One request from when it is due until its target is done with it. */
export interface GatedRequest<Request> extends RequestTimes, Queued {
  readonly request: Request;
  readonly deadlineMs: number;
  /** Tells the loop that it may send its next request. */
  readonly next: () => void;
  sentMs: number | undefined;
  isSettled: boolean;
  cancel: (() => void) | undefined;
}

export interface RequestGateOptions<Request> {
  readonly target: LoadTarget<Request>;
  readonly clock: Clock;
  /** Requests with the target at a time. */
  readonly maxInFlight: number;
  /** Patience of each request, counted from when it was due, in ms. */
  readonly timeoutMs: number;
  /** Called once for each request that was not abandoned. */
  readonly onSettled: (entry: GatedRequest<Request>, settlement: Settlement) => void;
  /** Called when a request has to wait for its turn. */
  readonly onWait: (entry: GatedRequest<Request>) => void;
}

/**
 * Hands requests to a target, so many at a time; those beyond wait in order. Gives each up when its
 * patience ends, whether it waits or was sent.
 */
export class RequestGate<Request> {
  readonly #options: RequestGateOptions<Request>;
  readonly #deadlines: Deadlines<GatedRequest<Request>>;
  readonly #waiting = new RequestQueue<GatedRequest<Request>>();
  #inFlight = 0;

  constructor(options: RequestGateOptions<Request>) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, (entry) => {
      const reason = entry.sentMs === undefined ? 'no connection in time' : 'timed out';
      this.#settle(entry, { kind: 'timed-out', reason });
      this.#giveUp(entry);
    });
  }

  /** Requests that have not been settled, those waiting included. */
  get outstanding(): number {
    return this.#deadlines.size;
  }

  /** @param dueMs ascending from call to call */
  submit(request: Request, dueMs: number, next: () => void): void {
    const entry: GatedRequest<Request> = {
      request,
      dueMs,
      deadlineMs: dueMs + this.#options.timeoutMs,
      next,
      sentMs: undefined,
      isSettled: false,
      dropped: false,
      cancel: undefined,
    };
    this.#deadlines.add(entry);
    if (this.#inFlight < this.#options.maxInFlight) {
      this.#launch(entry);
      return;
    }
    this.#waiting.push(entry);
    this.#options.onWait(entry);
  }

  /** Gives everything up without settling it; answers what there was. */
  abandon(): readonly GatedRequest<Request>[] {
    const entries = this.#deadlines.clear();
    for (const entry of entries) {
      entry.isSettled = true;
      this.#giveUp(entry);
    }
    return entries;
  }

  #launch(entry: GatedRequest<Request>): void {
    this.#inFlight += 1;
    entry.sentMs = this.#options.clock.nowMs();
    entry.cancel = this.#options.target.send(entry.request, (outcome) => {
      // Its place is free only now, even if it was given up long before.
      this.#inFlight -= 1;
      this.#settle(entry, outcome);
      this.#launchWaiting();
    });
  }

  #launchWaiting(): void {
    while (this.#inFlight < this.#options.maxInFlight) {
      const [entry] = this.#waiting.take(1);
      if (entry === undefined) return;
      this.#launch(entry);
    }
  }

  #giveUp(entry: GatedRequest<Request>): void {
    if (entry.sentMs === undefined) this.#waiting.drop(entry);
    else entry.cancel?.();
  }

  #settle(entry: GatedRequest<Request>, settlement: Settlement): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    this.#deadlines.delete(entry);
    this.#options.onSettled(entry, settlement);
  }
}
