/**
 * Buffers for the inputs of batches, used again and again: a fresh one of a few megabytes costs more
 * in page faults than filling it does. Holds buffers of one size, that of the batches in use.
 */
export class BufferPool {
  readonly #free: ArrayBuffer[] = [];
  readonly #most: number;
  #bytes = 0;

  /** @param most free buffers to keep, from 1 */
  constructor(most: number) {
    this.#most = most;
  }

  /** From now on buffers have this size; those of other sizes are let go. */
  resize(bytes: number): void {
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#free.length = 0;
  }

  /** A buffer of at least `bytes` bytes, with anything in it. */
  take(bytes: number): ArrayBuffer {
    if (bytes > this.#bytes) return new ArrayBuffer(bytes);
    return this.#free.pop() ?? new ArrayBuffer(this.#bytes);
  }

  /** Takes a buffer back. Nobody may use it any more. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === this.#bytes && this.#free.length < this.#most) {
      this.#free.push(buffer);
    }
  }
}
