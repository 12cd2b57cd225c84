import { RequestQueue } from './request-queue.ts';
import type { Queued } from './request-queue.ts';

/** A request that knows when it came. */
export interface Arrived extends Queued {
  readonly arrivalMs: number;
}

/** Requests that may share a batch, oldest first. */
export type Lane<Request extends Arrived> = RequestQueue<Request>;

/**
 * Requests waiting for an instance, in lanes by key: only those of one lane fit into one batch.
 * Most models have one lane; where rows may differ in their dimensions there is one for each shape
 * that waits.
 */
export class Lanes<Request extends Arrived> {
  readonly #lanes = new Map<string, Lane<Request>>();

  get length(): number {
    let length = 0;
    for (const lane of this.#lanes.values()) length += lane.length;
    return length;
  }

  push(key: string, request: Request): Lane<Request> {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      this.#forgetEmpty();
      lane = new RequestQueue();
      this.#lanes.set(key, lane);
    }
    lane.push(request);
    return lane;
  }

  /** The lane whose oldest request has waited longest. */
  oldest(): Lane<Request> | undefined {
    return this.#first(() => true);
  }

  /** The same among the lanes that fill a batch. */
  oldestFull(batchSize: number): Lane<Request> | undefined {
    return this.#first((lane) => lane.length >= batchSize);
  }

  takeAll(): Request[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.take(lane.length));
  }

  #first(suits: (lane: Lane<Request>) => boolean): Lane<Request> | undefined {
    let first: Lane<Request> | undefined;
    let firstMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      const oldest = lane.peek();
      if (oldest === undefined || oldest.arrivalMs >= firstMs || !suits(lane)) continue;
      first = lane;
      firstMs = oldest.arrivalMs;
    }
    return first;
  }

  /** Shapes that nobody sends any more must not pile up. */
  #forgetEmpty(): void {
    for (const [key, lane] of this.#lanes) if (lane.length === 0) this.#lanes.delete(key);
  }
}
