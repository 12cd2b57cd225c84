/** A growable list of numbers without boxing; appending is a few nanoseconds. */
export class SampleBuffer {
  #values: Float64Array;
  #count = 0;

  constructor(initialCapacity = 256) {
    this.#values = new Float64Array(initialCapacity);
  }

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = value;
    this.#count += 1;
  }

  /** How many values exceed the limit. */
  countOver(limit: number): number {
    let over = 0;
    for (let i = 0; i < this.#count; i += 1) if ((this.#values[i] as number) > limit) over += 1;
    return over;
  }

  /** A copy of what was pushed, in order. */
  toArray(): Float64Array {
    return this.#values.slice(0, this.#count);
  }

  clear(): void {
    this.#count = 0;
  }
}
