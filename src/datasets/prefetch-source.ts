import { DnnScalerError, invalidArgument } from '../errors.ts';
import type { Random } from '../random.ts';
import {
  skippedExamplesKept,
  type RowSource,
  type RowSourceStats,
  type SkippedInput,
} from '../workload/row-source.ts';
import { ShuffledRounds } from './shuffled-rounds.ts';

export interface PrefetchOptions<RowType> {
  /** What the items are, for the error when none can be read: `images in "photos"`. */
  readonly what: string;
  /** Items to cycle through for ever, numbered from 0; at least 1. */
  readonly items: number;
  /** Makes the row of one item; when it rejects, the item is skipped from then on. */
  readonly load: (item: number) => Promise<RowType>;
  readonly nameOf: (item: number) => string;
  /** One line for people from what `load` rejected with. */
  readonly reasonOf: (error: unknown) => string;
  /** Shuffles the items anew for each round; the same seed gives the same rows in the same order. */
  readonly random: Random;
  /** Rows ready or being loaded ahead of the consumer, at most; at least 1. */
  readonly aheadRows: number;
  /** Loads running side by side, at most; at least 1. */
  readonly loadsInFlight: number;
  /** Rows kept for later rounds, at most; 0 keeps none. */
  readonly cacheRows: number;
}

/** The place of one row in the order of handing out. */
interface Slot<RowType> {
  readonly item: number;
  /** Whether this slot's own load makes the row, rather than the cache or another slot's load. */
  readonly loads: boolean;
  row: RowType | undefined;
}

/**
 * Loads rows ahead of their consumer, several at a time, and hands them out in an order that the
 * seed alone decides: a load that ends early waits for those before it.
 *
 * Rows are kept until the cache is full and none is evicted: under round after round over the same
 * items, keeping any fixed set serves as large a share as can be, where least-recently-used would
 * evict each row shortly before its turn.
 */
export class PrefetchSource<RowType> implements RowSource<RowType> {
  readonly #options: PrefetchOptions<RowType>;
  readonly #rounds: ShuffledRounds;
  #slots: Slot<RowType>[] = [];
  readonly #cache = new Map<number, RowType>();
  readonly #loading = new Set<number>();
  readonly #examples: SkippedInput[] = [];
  #decoded = 0;
  #cached = 0;
  #starved = 0;
  #waiters: (() => void)[] = [];
  #failure: DnnScalerError | null = null;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  /**
   * Starts loading at once.
   *
   * @throws DnnScalerError `invalid-argument` when a count is out of its range
   */
  constructor(options: PrefetchOptions<RowType>) {
    for (const name of ['items', 'aheadRows', 'loadsInFlight'] as const) {
      requireCount(name, options[name], 1);
    }
    requireCount('cacheRows', options.cacheRows, 0);
    this.#options = options;
    this.#rounds = new ShuffledRounds(options.items, options.random);
    this.#fill();
  }

  get failure(): DnnScalerError | null {
    return this.#failure;
  }

  get stats(): RowSourceStats {
    return {
      decoded: this.#decoded,
      cached: this.#cached,
      starved: this.#starved,
      skipped: this.#rounds.left,
      skippedExamples: [...this.#examples],
    };
  }

  take(): RowType | undefined {
    if (this.#ended) return undefined;
    const head = this.#slots[0];
    if (head?.row === undefined) {
      this.#starved += 1;
      return undefined;
    }
    this.#slots.shift();
    if (!head.loads) this.#cached += 1;
    this.#fill();
    return head.row;
  }

  whenAvailable(fire: () => void): void {
    if (this.#ended) return;
    if (this.#slots[0]?.row !== undefined) fire();
    else this.#waiters.push(fire);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#end();
    }
    if (this.#loading.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #settleClose(): void {
    if (this.#loading.size > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  get #ended(): boolean {
    return this.#closed || this.#failure !== null;
  }

  #end(): void {
    this.#slots = [];
    this.#cache.clear();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const fire of waiters) fire();
  }

  #fill(): void {
    const { aheadRows, loadsInFlight } = this.#options;
    while (this.#slots.length < aheadRows) {
      const item = this.#rounds.current;
      const row = this.#cache.get(item);
      const loads = row === undefined && !this.#loading.has(item);
      if (loads && this.#loading.size >= loadsInFlight) return;
      this.#rounds.advance();
      this.#slots.push({ item, loads, row });
      if (loads) this.#load(item);
    }
  }

  #load(item: number): void {
    this.#loading.add(item);
    this.#options.load(item).then(
      (row) => {
        this.#loading.delete(item);
        this.#loaded(item, row);
      },
      (error: unknown) => {
        this.#loading.delete(item);
        this.#skip(item, error);
      },
    );
  }

  #loaded(item: number, row: RowType): void {
    if (this.#ended) {
      this.#settleClose();
      return;
    }
    this.#decoded += 1;
    if (this.#cache.size < this.#options.cacheRows) this.#cache.set(item, row);
    for (const slot of this.#slots) {
      if (slot.item === item) slot.row = row;
    }
    this.#goOn();
  }

  #skip(item: number, error: unknown): void {
    if (this.#ended) {
      this.#settleClose();
      return;
    }
    const { what, items, nameOf, reasonOf } = this.#options;
    const example = { name: nameOf(item), reason: reasonOf(error) };
    const isLast = this.#rounds.leaveOut(item);
    if (this.#examples.length < skippedExamplesKept) this.#examples.push(example);
    this.#slots = this.#slots.filter((slot) => slot.item !== item);
    if (!isLast) {
      this.#goOn();
      return;
    }
    this.#failure = new DnnScalerError(
      'invalid-argument',
      `none of the ${items} ${what} can be read; ${example.name}: ${example.reason}`,
      { cause: error },
    );
    this.#end();
  }

  #goOn(): void {
    this.#fill();
    if (this.#slots[0]?.row !== undefined) this.#wake();
  }
}

function requireCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw invalidArgument(name, `must be a whole number of at least ${least}`, value);
}
