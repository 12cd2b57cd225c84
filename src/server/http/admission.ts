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
    let body: ArrayBuffer | undefined;
    let isInside = true;
    let isReusable = false;
    return {
      hold: (bytes) => {
        if (!isInside) throw new DnnScalerError('cancelled', 'the request has left');
        if (this.#bytes + bytes > this.#maxBytes) {
          const message = `the requests in work hold ${this.#bytes} bytes already; try again later`;
          throw new DnnScalerError('unavailable', message);
        }
        held += bytes;
        this.#bytes += bytes;
      },
      take: (bytes) => (body = this.#pool.take(bytes)),
      isInside: () => isInside,
      allowReuse: () => {
        isReusable = true;
      },
      leave: () => {
        if (!isInside) return;
        isInside = false;
        this.#requests -= 1;
        this.#bytes -= held;
        if (body !== undefined && isReusable) this.#pool.give(body);
      },
    };
  }
}

/** One request that was let in. */
export interface Admitted {
  /** @throws DnnScalerError `unavailable` when so many more bytes would be too many, `cancelled` after it left */
  readonly hold: (bytes: number) => void;
  /** Memory of at least so many bytes, with anything in it. */
  readonly take: (bytes: number) => ArrayBuffer;
  /** False once it has left: nobody waits for its body any more, whose memory may be another's. */
  readonly isInside: () => boolean;
  /**
   * What it took last may go to others when it leaves: nobody reads it any more. Of a request that
   * was cut short rows may still run, images be decoded, and rows be on their way to a process, straight
   * from this memory.
   */
  readonly allowReuse: () => void;
  /** Gives back its place and its bytes; a second call does nothing. */
  readonly leave: () => void;
}
