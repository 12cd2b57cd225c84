import { DnnScalerError } from '../../errors.ts';
import { BodyPool } from './body-pool.ts';

/** Counts requests and the bytes they hold, and refuses more than their bounds. */
export class Admission {
  readonly #pool = new BodyPool();
  readonly #maxRequests: number;
  readonly #maxBytes: number;
  #requests = 0;
  #bytes = 0;

  constructor(maxRequests: number, maxBytes: number) {
    this.#maxRequests = maxRequests;
    this.#maxBytes = maxBytes;
  }

  /** Requests let in that have not left. */
  get requests(): number {
    return this.#requests;
  }

  /** Bytes held by all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws DnnScalerError `unavailable` when as many as allowed are there */
  enter(): Admitted {
    if (this.#requests >= this.#maxRequests) {
      const message = `${this.#maxRequests} requests are in work already; try again later`;
      throw new DnnScalerError('unavailable', message);
    }
    this.#requests += 1;
    let held = 0;
    const taken: ArrayBuffer[] = [];
    let isInside = true;
    return {
      hold: (bytes) => {
        if (this.#bytes + bytes > this.#maxBytes) {
          const message = `the requests in work hold ${this.#bytes} bytes already; try again later`;
          throw new DnnScalerError('unavailable', message);
        }
        held += bytes;
        this.#bytes += bytes;
      },
      take: (bytes) => {
        const buffer = this.#pool.take(bytes);
        taken.push(buffer);
        return buffer;
      },
      leave: () => {
        if (!isInside) return;
        isInside = false;
        this.#requests -= 1;
        this.#bytes -= held;
        for (const buffer of taken) this.#pool.give(buffer);
      },
    };
  }
}

/** One request that was let in. */
export interface Admitted {
  /** @throws DnnScalerError `unavailable` when so many more bytes would be too many */
  readonly hold: (bytes: number) => void;
  /** Memory of at least so many bytes, with anything in it, until it leaves. */
  readonly take: (bytes: number) => ArrayBuffer;
  /** Gives back its place, its bytes and its memory; a second call does nothing. */
  readonly leave: () => void;
}
