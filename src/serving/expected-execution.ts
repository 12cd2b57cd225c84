/** Follows the execution time of batches: up at once, so that held-back ones are not late, down slowly. */
export class ExpectedExecution {
  #ms = Number.NaN;

  /** NaN until one has been seen. */
  get ms(): number {
    return this.#ms;
  }

  see(executionMs: number): void {
    this.#ms = this.#ms >= executionMs ? this.#ms + (executionMs - this.#ms) / 16 : executionMs;
  }

  /** Batches are of another size from now on. */
  forget(): void {
    this.#ms = Number.NaN;
  }
}
