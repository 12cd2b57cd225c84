/** Smaller ones cost little to make anew. */
const leastPooledBytes = 16 * 2 ** 10;
/** Free buffers hold at most this much together. */
const mostFreeBytes = 64 * 2 ** 20;
/** Sizes are rounded up to this share of the power of two below them, so that like bodies share them. */
const stepsPerDoubling = 8;

/**
 * Memory for the bodies of requests, used again. Fresh buffers of some hundred kilobytes for every
 * request make V8 mark its whole heap every few dozen requests, which costs more than all else that
 * is done for them.
 */
export class BodyPool {
  readonly #free = new Map<number, ArrayBuffer[]>();
  #freeBytes = 0;

  /** At least so many bytes, with anything in them: only what was written may be read. */
  take(bytes: number): ArrayBuffer {
    const size = sizeOf(bytes);
    const buffer = this.#free.get(size)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(size).buffer;
    this.#freeBytes -= size;
    return buffer;
  }

  /** Takes back what `take` gave. Nobody may use it any more. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    if (size < leastPooledBytes || size > mostFreeBytes) return;
    if (this.#freeBytes + size > mostFreeBytes) {
      // Sizes that nobody sends any more would stay for ever.
      this.#free.clear();
      this.#freeBytes = 0;
    }
    const alike = this.#free.get(size);
    if (alike === undefined) this.#free.set(size, [buffer]);
    else alike.push(buffer);
    this.#freeBytes += size;
  }
}

function sizeOf(bytes: number): number {
  if (bytes < leastPooledBytes) return bytes;
  const step = 2 ** Math.floor(Math.log2(bytes)) / stepsPerDoubling;
  return Math.ceil(bytes / step) * step;
}
