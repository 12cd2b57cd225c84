import { invalidArgument } from '../errors.ts';
import { estimateCurve } from './estimate-curve.ts';
import type { LatencyTable, TableRow } from './latency-table.ts';
import { estimateByNuclearNorm, prepareRow } from './nuclear-estimate.ts';

/** `nuclear` is the paper's matrix completion; `default` is ours. */
export type EstimationMethod = 'default' | 'nuclear';

export const estimationMethods: readonly EstimationMethod[] = ['default', 'nuclear'];

/** How latencies are estimated from a few observed ones and a library. */
export const estimatorOf: Readonly<Record<EstimationMethod, typeof estimateCurve>> = {
  default: estimateCurve,
  nuclear: estimateByNuclearNorm,
};

export interface LeaveOneOutOptions {
  /** Counts of instances at which the row left out is taken as observed; each a column of the table. */
  readonly observe: readonly number[];
  readonly method: EstimationMethod;
  /**
   * Rows of the same group as the row left out are left out with it (default: every row is its own
   * group). For tables where one network appears on several data sets.
   */
  readonly groupOf?: (row: TableRow) => string;
}

/** One row estimated from its own observed cells and the other rows. */
export interface RowError {
  readonly name: string;
  /** Mean absolute error of the unobserved cells, in percent of what was measured. */
  readonly errorPercent: number;
  /** By the table's columns, in ms; observed cells as measured. */
  readonly estimatesMs: readonly number[];
  /** By the table's columns, in ms; null where nothing was measured. */
  readonly measuredMs: readonly (number | null)[];
}

export interface LeaveOneOutReport {
  readonly method: EstimationMethod;
  readonly observe: readonly number[];
  /** Counts of instances of the columns. */
  readonly instances: readonly number[];
  /** Over all unobserved cells of all rows. */
  readonly meanErrorPercent: number;
  readonly rows: readonly RowError[];
  /** What was done to the rows, and which could not be judged, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Estimates each row of a table from its cells at `observe` and the table's other rows, and compares
 * with what was measured. Nothing but the table is used: no built-in or kept rows.
 *
 * @throws DnnScalerError `invalid-argument` when `observe` is empty or names a count without a column,
 * when it leaves nothing to estimate, and when the method has no other row to learn from
 */
export function leaveOneOut(table: LatencyTable, options: LeaveOneOutOptions): LeaveOneOutReport {
  const { method, groupOf } = options;
  const observe = checkedObserve(options.observe, table);
  const judged = table.rows.filter((row) => canJudge(row, observe));
  if (judged.length === 0) {
    throw invalidArgument(
      'the table',
      `must have a row measured at ${observe.join(' and ')} instances and at one count more`,
      table.rows.map(({ name }) => name),
    );
  }
  const rows = judged.map((row) => {
    const library = table.rows.filter(
      (other) => other !== row && (groupOf === undefined || groupOf(other) !== groupOf(row)),
    );
    return rowError(row, table.instances, observe, estimatorOf[method], library);
  });
  const cells = rows.map(
    (row) => row.measuredMs.filter((ms) => ms !== null).length - observe.length,
  );
  const cellCount = cells.reduce((sum, count) => sum + count, 0);
  const total = rows.reduce((sum, { errorPercent }, i) => sum + errorPercent * (cells[i] ?? 0), 0);
  const skipped = table.rows.filter((row) => !judged.includes(row));
  return {
    method,
    observe,
    instances: table.instances,
    meanErrorPercent: total / cellCount,
    rows,
    notes: [
      ...(method === 'nuclear'
        ? [preparationNote(table.rows, observe), 'errors are against the unrounded measurements']
        : []),
      ...skipped.map(
        ({ name }) => `${name} was not judged: it lacks an observed cell, or has none besides`,
      ),
    ],
  };
}

/** A sentence on what nuclear-norm completion did to rows before it completed them. */
export function preparationNote(rows: readonly TableRow[], by: readonly number[]): string {
  const scaled = rows.flatMap(({ name, cells }) => {
    const { scale } = prepareRow(cells, by);
    if (scale === 1) return [];
    return [scale > 1 ? `${name} (/ ${scale})` : `${name} (x ${Math.round(1 / scale)})`];
  });
  const which = scaled.length > 0 ? `scaled: ${scaled.join(', ')}` : 'there were none to scale';
  return (
    'for the completion, cells were rounded to whole ms and rows over 100 ms scaled down by a power ' +
    `of ten, as the authors of the paper did (and rows under 1 ms scaled up); ${which}`
  );
}

function rowError(
  { name, cells }: TableRow,
  instances: readonly number[],
  observe: readonly number[],
  estimate: typeof estimateCurve,
  library: readonly TableRow[],
): RowError {
  const observed = new Map(observe.map((count) => [count, cells.get(count) as number]));
  const estimatesMs = estimate(observed, instances, library);
  const errors = instances.flatMap((count, i) => {
    const measuredMs = cells.get(count);
    if (measuredMs === undefined || observed.has(count)) return [];
    return [Math.abs((estimatesMs[i] as number) - measuredMs) / measuredMs];
  });
  return {
    name,
    errorPercent: (100 * errors.reduce((sum, error) => sum + error, 0)) / errors.length,
    estimatesMs,
    measuredMs: instances.map((count) => cells.get(count) ?? null),
  };
}

function canJudge({ cells }: TableRow, observe: readonly number[]): boolean {
  return observe.every((count) => cells.has(count)) && cells.size > observe.length;
}

function checkedObserve(observe: readonly number[], { instances }: LatencyTable): number[] {
  const counts = [...new Set(observe)].sort((a, b) => a - b);
  if (counts.length === 0) {
    throw invalidArgument('the observed counts of instances', 'must be at least one', observe);
  }
  for (const count of counts) {
    if (!instances.includes(count)) {
      const columns = instances.join(', ');
      const rule = `must be one of the table's columns (${columns})`;
      throw invalidArgument('an observed count of instances', rule, count);
    }
  }
  if (counts.length === instances.length) {
    throw invalidArgument(
      'the observed counts of instances',
      'must leave a column of the table to estimate',
      counts.join(','),
    );
  }
  return counts;
}
