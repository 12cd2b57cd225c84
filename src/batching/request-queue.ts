/** A first-in-first-out queue on a ring buffer: no allocation and no shifting per request. */
export class RequestQueue<Request> {
  #ring: (Request | undefined)[];
  #head = 0;
  #length = 0;

  /** @param initialCapacity a power of two */
  constructor(initialCapacity = 64) {
    this.#ring = new Array<Request | undefined>(initialCapacity).fill(undefined);
  }

  get length(): number {
    return this.#length;
  }

  /** The oldest request. */
  peek(): Request | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  push(request: Request): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = request;
    this.#length += 1;
  }

  /** Removes and returns the oldest `count` requests, or all if there are fewer. */
  take(count: number): Request[] {
    const taken = Math.min(count, this.#length);
    const requests = new Array<Request>(taken);
    const mask = this.#ring.length - 1;
    for (let i = 0; i < taken; i += 1) {
      const slot = (this.#head + i) & mask;
      requests[i] = this.#ring[slot] as Request;
      this.#ring[slot] = undefined;
    }
    this.#head = (this.#head + taken) & mask;
    this.#length -= taken;
    return requests;
  }

  #grow(): void {
    const requests = this.take(this.#length);
    this.#ring = new Array<Request | undefined>(this.#ring.length * 2).fill(undefined);
    this.#head = 0;
    for (const request of requests) this.push(request);
  }
}
