import { invalidArgument } from '../errors.ts';
import type { Cells, LibraryRow } from './cells.ts';
import { countsOf, requireCells, requireCount } from './cells.ts';
import { completeMatrix } from './nuclear-norm.ts';

/** A row made ready for completion. */
export interface PreparedRow {
  /** Whole numbers, over `scale` ms each. */
  readonly cells: Cells;
  /** Power of ten by which the rounded cells were divided. */
  readonly scale: number;
}

/** Latencies over this many ms are scaled down, as the authors of the paper did. */
const largestMs = 100;

/**
 * What the authors of the paper did to their measurements before completing them: whole
 * milliseconds, and the rows of the one network hundred times slower than the rest divided by a
 * hundred (rows over 100 ms; by whichever power of ten it takes). Nuclear-norm completion needs it,
 * as it weighs errors in ms: one row of seconds outweighs all others.
 *
 * A row of which a cell would round to nothing is likewise multiplied by a power of ten first; the
 * authors had none.
 *
 * @param by the counts by which to choose the scale: those observed of the row to complete, so that
 * its own unseen cells have no say and every row is treated alike
 */
export function prepareRow(cells: Cells, by: readonly number[]): PreparedRow {
  const seen = by.flatMap((count) => cells.get(count) ?? []);
  const basis = seen.length > 0 ? seen : [...cells.values()];
  let scale = 1;
  while (Math.max(...basis) / scale > largestMs) scale *= 10;
  if (scale === 1) while (Math.min(...basis) / scale < 1) scale /= 10;
  // Rounded to whole ms before it is scaled down, as theirs were, but after it is scaled up.
  const unit = Math.min(scale, 1);
  const prepared = [...cells].map(
    ([count, latencyMs]) =>
      [count, (Math.max(1, Math.round(latencyMs / unit)) * unit) / scale] as const,
  );
  return { cells: new Map(prepared), scale };
}

/**
 * The paper's estimate: the network is one more row of a matrix of known networks' latencies, and
 * its unseen cells are those of least nuclear norm. Rows are prepared by `prepareRow`.
 *
 * It is the method as published, without a guard: with few rows, or a network unlike all of them,
 * estimates are too small, even to below zero. `estimateCurve` is the better choice for serving.
 *
 * @param observed at least one cell
 * @param counts counts of instances to estimate at
 * @param library at least one row with a cell at one of these counts; weights play no part
 * @returns latencies in ms, in the order of `counts`; observed ones as they were given
 * @throws DnnScalerError `invalid-argument` for counts or latencies out of range, and for a library
 * with nothing to learn from
 */
export function estimateByNuclearNorm(
  observed: Cells,
  counts: readonly number[],
  library: readonly LibraryRow[],
): number[] {
  requireCells(observed, 'the observed latencies');
  for (const count of counts) requireCount(count, 'a count of instances to estimate');
  const seen = countsOf(observed);
  const columns = [...new Set([...seen, ...counts])];
  const toRow = (cells: Cells): number[] => columns.map((count) => cells.get(count) ?? Number.NaN);
  const known = library
    .map(({ cells }) => toRow(prepareRow(cells, seen).cells))
    .filter((row) => !row.every(Number.isNaN));
  if (known.length === 0) {
    throw invalidArgument(
      'the library for nuclear-norm completion',
      'must hold a network measured at the counts to estimate',
      library.map(({ name }) => name),
    );
  }
  const target = prepareRow(observed, seen);
  const completed = completeMatrix([...known, toRow(target.cells)]).at(-1) ?? [];
  const estimates = new Map(columns.map((count, i) => [count, completed[i] as number]));
  return counts.map(
    (count) => observed.get(count) ?? (estimates.get(count) as number) * target.scale,
  );
}
