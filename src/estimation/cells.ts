import { invalidArgument } from '../errors.ts';

/** Known latencies of one network by count of co-located instances: count (>= 1) to ms (> 0). */
export type Cells = ReadonlyMap<number, number>;

/** A network whose latencies are known at some counts of instances. */
export interface LibraryRow {
  readonly name: string;
  readonly cells: Cells;
  /**
   * How much the row counts beside others, over 0 (default: 1). Rows of another machine than the
   * one estimated for should count less.
   */
  readonly weight?: number;
}

/**
 * @throws DnnScalerError `invalid-argument` when there is no cell, a count is no integer of at least
 * 1, or a latency is not positive and finite
 */
export function requireCells(cells: Cells, what: string): void {
  if (cells.size === 0) throw invalidArgument(what, 'must hold at least one latency', []);
  for (const [instances, latencyMs] of cells) {
    requireCount(instances, `a count of instances of ${what}`);
    if (!(latencyMs > 0) || !Number.isFinite(latencyMs)) {
      const cell = `the latency of ${what} at ${instances} instance${instances === 1 ? '' : 's'}`;
      throw invalidArgument(cell, 'must be a positive number of milliseconds', latencyMs);
    }
  }
}

export function requireCount(instances: number, what: string): void {
  if (!Number.isSafeInteger(instances) || instances < 1) {
    throw invalidArgument(what, 'must be an integer of at least 1', instances);
  }
}

/** The counts at which latencies are known, ascending. */
export function countsOf(cells: Cells): number[] {
  return [...cells.keys()].sort((a, b) => a - b);
}
