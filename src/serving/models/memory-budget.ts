import { DnnScalerError } from '../../errors.ts';

/** Bytes that requests may hold between them while they wait and run. */
export class MemoryBudget {
  readonly maxBytes: number;
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @throws DnnScalerError `unavailable` when the budget does not have so much left */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.maxBytes) {
      const message =
        `the server's queue is full: ${this.#usedBytes} of ${this.maxBytes} bytes are in use, ` +
        `and this request holds ${bytes}`;
      throw new DnnScalerError('unavailable', message);
    }
    this.#usedBytes += bytes;
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
