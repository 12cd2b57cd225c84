import { DnnScalerError } from '../errors.ts';
import type { LibraryRow } from './cells.ts';
import type { LatencyTable } from './latency-table.ts';
import type { EstimationMethod } from './leave-one-out.ts';
import { estimatorOf, preparationNote } from './leave-one-out.ts';

export interface FillOptions {
  readonly method: EstimationMethod;
  /** Networks to learn from besides the table's own rows (default: none). */
  readonly library?: readonly LibraryRow[];
}

/** A row whose missing cells were estimated. */
export interface FilledRow {
  readonly name: string;
  /** By the table's columns, in ms: as measured, or estimated where nothing was. */
  readonly latenciesMs: readonly number[];
  /** Counts of instances at which the latency is an estimate. */
  readonly estimated: readonly number[];
}

export interface FilledTable {
  readonly method: EstimationMethod;
  /** Counts of instances of the columns. */
  readonly instances: readonly number[];
  /** The table's rows, in their order; complete ones too. */
  readonly rows: readonly FilledRow[];
  readonly notes: readonly string[];
}

/**
 * Estimates the missing cells of a table, each row from its own cells, the table's other rows and the
 * library.
 *
 * @throws DnnScalerError `invalid-argument` when no cell is missing, or the method has nothing to
 * learn from
 */
export function fillTable(table: LatencyTable, options: FillOptions): FilledTable {
  const { method, library = [] } = options;
  const { instances } = table;
  const incomplete = table.rows.filter(({ cells }) => cells.size < instances.length);
  if (incomplete.length === 0) {
    throw new DnnScalerError(
      'invalid-argument',
      'no cell of the table is missing, so there is nothing to estimate; leave one row out at a ' +
        'time to see how good the estimates are',
    );
  }
  const rows = table.rows.map((row) => ({
    name: row.name,
    latenciesMs: estimatorOf[method](row.cells, instances, [
      ...table.rows.filter((other) => other !== row),
      ...library,
    ]),
    estimated: instances.filter((count) => !row.cells.has(count)),
  }));
  const notes = method === 'nuclear' ? [preparationNote(incomplete, instances)] : [];
  return { method, instances, rows, notes };
}
