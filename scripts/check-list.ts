import { performance } from 'node:perf_hooks';

/** @throws Error with the message unless the condition holds */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Runs named checks one after the other, says how each went and counts them. */
export class CheckList {
  readonly #name: string;
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  /** @param name one word, which stands before the closing line */
  constructor(name: string) {
    this.#name = name;
  }

  /** Returns whether the body ended without throwing. */
  check(what: string, body: () => void): boolean {
    const startMs = performance.now();
    try {
      body();
    } catch (error) {
      this.#failed += 1;
      const message = error instanceof Error ? error.message : String(error);
      console.log(`FAIL  ${what}\n${message.replace(/^/gm, '      ')}`);
      return false;
    }
    this.#passed += 1;
    console.log(`ok    ${what} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
    return true;
  }

  skip(what: string, why: string): void {
    this.#skipped += 1;
    console.log(`skip  ${what}: ${why}`);
  }

  /** Prints the closing line and returns the exit code: 0 when something passed and nothing failed. */
  close(): 0 | 1 {
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`;
    console.log(`\n${this.#name}: ${this.#passed} passed, ${this.#failed} failed${skipped}`);
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}
