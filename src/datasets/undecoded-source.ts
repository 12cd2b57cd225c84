import { DnnScalerError } from '../errors.ts';
import type { Random } from '../random.ts';
import type { Row } from '../tensor/row.ts';
import {
  skippedExamplesKept,
  type RowSource,
  type RowSourceStats,
  type SkippedInput,
} from '../workload/row-source.ts';
import { ShuffledRounds } from './shuffled-rounds.ts';

export interface UndecodedOptions {
  /** What the items are, for the error when none can be read. */
  readonly what: string;
  /** At least 1. */
  readonly items: number;
  readonly nameOf: (item: number) => string;
  readonly decode: (item: number) => Promise<Row>;
  readonly reasonOf: (error: unknown) => string;
  readonly random: Random;
}

/**
 * Hands out items as they are, each as a row that only says which it is, and decodes them when asked
 * to: the order is that of `PrefetchSource`, the work is the consumer's. Nothing is kept.
 */
export class UndecodedSource implements RowSource<Row> {
  readonly #options: UndecodedOptions;
  readonly #rounds: ShuffledRounds;
  readonly #itemOf = new WeakMap<Row, number>();
  readonly #examples: SkippedInput[] = [];
  #decoded = 0;
  #failure: DnnScalerError | null = null;
  #closed = false;

  constructor(options: UndecodedOptions) {
    this.#options = options;
    this.#rounds = new ShuffledRounds(options.items, options.random);
  }

  get failure(): DnnScalerError | null {
    return this.#failure;
  }

  get stats(): RowSourceStats {
    return {
      decoded: this.#decoded,
      cached: 0,
      starved: 0,
      skipped: this.#rounds.left,
      skippedExamples: [...this.#examples],
    };
  }

  take(): Row | undefined {
    if (this.#closed || this.#failure !== null) return undefined;
    const item = this.#rounds.current;
    this.#rounds.advance();
    const row: Row = [{ data: [this.#options.nameOf(item)], dims: [1] }];
    this.#itemOf.set(row, item);
    return row;
  }

  whenAvailable(fire: () => void): void {
    if (!this.#closed && this.#failure === null) fire();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  itemOf(row: Row): number | undefined {
    return this.#itemOf.get(row);
  }

  /** What a row of this source stands for; null when it cannot be read: it is not handed out again. */
  async decode(row: Row): Promise<Row | null> {
    const item = this.#itemOf.get(row);
    if (item === undefined) return null; // a batch that runs again, after the image was skipped
    try {
      const decoded = await this.#options.decode(item);
      this.#decoded += 1;
      return decoded;
    } catch (error) {
      this.#skip(item, error);
      this.#itemOf.delete(row);
      return null;
    }
  }

  #skip(item: number, error: unknown): void {
    const { what, items, nameOf, reasonOf } = this.#options;
    const example = { name: nameOf(item), reason: reasonOf(error) };
    const before = this.#rounds.left;
    const isLast = this.#rounds.leaveOut(item);
    if (this.#rounds.left > before && this.#examples.length < skippedExamplesKept) {
      this.#examples.push(example);
    }
    if (!isLast) return;
    this.#failure = new DnnScalerError(
      'invalid-argument',
      `none of the ${items} ${what} can be read; ${example.name}: ${example.reason}`,
      { cause: error },
    );
  }
}
