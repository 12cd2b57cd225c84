/** Anything that waits in a queue and may be withdrawn from it. */
export interface Queued {
  /** Set by the queue's `drop`: it is skipped when its turn comes. */
  dropped: boolean;
}

/**
 * A first-in-first-out queue on a ring buffer: no allocation and no shifting per request. A dropped
 * request keeps its slot until its turn comes, or until there are more dropped ones than others.
 */
export class RequestQueue<Request extends Queued> {
  #ring: (Request | undefined)[];
  #head = 0;
  /** Slots in use, dropped requests included. */
  #slots = 0;
  #length = 0;

  /** @param initialCapacity a power of two */
  constructor(initialCapacity = 64) {
    this.#ring = new Array<Request | undefined>(initialCapacity).fill(undefined);
  }

  /** Requests that wait, without the dropped ones. */
  get length(): number {
    return this.#length;
  }

  /** The oldest request. */
  peek(): Request | undefined {
    while (this.#slots > 0) {
      const request = this.#ring[this.#head] as Request;
      if (!request.dropped) return request;
      this.#shift();
    }
    return undefined;
  }

  push(request: Request): void {
    if (this.#slots === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#slots) & (this.#ring.length - 1)] = request;
    this.#slots += 1;
    this.#length += 1;
  }

  /** Withdraws a request that waits here. */
  drop(request: Request): void {
    if (request.dropped) return;
    request.dropped = true;
    this.#length -= 1;
    // What the dropped ones hold is theirs no more.
    if (this.#slots > 2 * this.#length) this.#rebuild(this.#ring.length);
  }

  /** Removes and returns the oldest `count` requests, or all if there are fewer. */
  take(count: number): Request[] {
    const taken = Math.min(count, this.#length);
    const requests = new Array<Request>(taken);
    for (let i = 0; i < taken;) {
      const request = this.#shift();
      if (request.dropped) continue;
      requests[i] = request;
      i += 1;
    }
    this.#length -= taken;
    return requests;
  }

  #shift(): Request {
    const request = this.#ring[this.#head] as Request;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#slots -= 1;
    return request;
  }

  #grow(): void {
    const { length } = this.#ring;
    this.#rebuild(this.#length * 2 > length ? length * 2 : length);
  }

  /** Moves the requests, without the dropped ones, to the start of a ring of this capacity. */
  #rebuild(capacity: number): void {
    const requests = this.take(this.#length);
    this.#ring = new Array<Request | undefined>(capacity).fill(undefined);
    this.#head = 0;
    this.#slots = 0;
    for (const request of requests) this.push(request);
  }
}
