import { DnnScalerError, invalidArgument } from '../../errors.ts';

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

  /**
   * @throws DnnScalerError `unavailable` when the budget does not have so much left;
   *   `invalid-argument` when it never has
   */
  take(bytes: number): void {
    if (bytes > this.maxBytes) {
      throw invalidArgument('a request', `must hold at most ${this.maxBytes} bytes`, bytes);
    }
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
