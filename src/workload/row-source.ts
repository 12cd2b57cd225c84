import { invalidArgument, type DnnScalerError } from '../errors.ts';

/** How many skipped inputs a source names; further ones are only counted. */
export const skippedExamplesKept = 20;

/** What a source has done so far. */
export interface RowSourceStats {
  /** Rows decoded, or made. */
  readonly decoded: number;
  /** Rows handed out that needed no decoding of their own. */
  readonly cached: number;
  /** Calls of `take` that found no row ready: where this grows, the source is the bottleneck. */
  readonly starved: number;
  /** Inputs that could not be read; each is counted once, however often its turn comes. */
  readonly skipped: number;
  /** The first of them, at most `skippedExamplesKept`. */
  readonly skippedExamples: readonly SkippedInput[];
}

export interface SkippedInput {
  readonly name: string;
  /** For people, without a full stop. */
  readonly reason: string;
}

/** Where a workload's rows come from. */
export interface RowSource<RowType> {
  /**
   * The next row, without waiting; `undefined` when none is ready, or when the source has ended.
   * A row may be handed out more than once, so nobody may change it or give its memory away.
   */
  take(): RowType | undefined;

  /**
   * Calls `fire` once: at once if a row is ready, otherwise as soon as one is or the source has
   * ended. On a source that has ended already it is never called: nothing will change.
   */
  whenAvailable(fire: () => void): void;

  /** Why the source ended on its own account; `null` while it goes on, and when it was closed. */
  readonly failure: DnnScalerError | null;

  readonly stats: RowSourceStats;

  /** Ends the source; resolves when nothing of it runs any more. Safe to call twice. */
  close(): Promise<void>;
}

export interface SyntheticOptions {
  /** Rows made beforehand and handed out in turn, at least 1; 32 by default. */
  readonly distinct?: number;
}

/**
 * A source that always has a row: makes `distinct` of them beforehand and hands them out in turn.
 *
 * @param makeRow called with 0, 1, ... `distinct` - 1, before this returns
 * @throws DnnScalerError `invalid-argument` when `distinct` is no positive integer
 */
export function syntheticSource<RowType>(
  makeRow: (index: number) => RowType,
  options: SyntheticOptions = {},
): RowSource<RowType> {
  const { distinct = 32 } = options;
  if (!Number.isSafeInteger(distinct) || distinct < 1) {
    throw invalidArgument('distinct', 'must be a positive integer', distinct);
  }
  const rows = Array.from({ length: distinct }, (_, index) => makeRow(index));
  let closed = false;
  let taken = 0;
  return {
    take() {
      if (closed) return undefined;
      const row = rows[taken % distinct];
      taken += 1;
      return row;
    },
    whenAvailable(fire) {
      if (!closed) fire();
    },
    failure: null,
    get stats() {
      return {
        decoded: distinct,
        cached: Math.max(0, taken - distinct),
        starved: 0,
        skipped: 0,
        skippedExamples: [],
      };
    },
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}
