import type { CsvRecord } from '../csv.ts';
import { parseCsvRecords } from '../csv.ts';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import type { Cells } from './cells.ts';

/** One row of a table of latencies. */
export interface TableRow {
  /** The row's labels joined by `/`, such as `Imagenet/Inc-V1`. */
  readonly name: string;
  /** The leading columns that name the row. */
  readonly labels: readonly string[];
  /** Latency in ms by count of instances; a cell left empty in the file is absent. */
  readonly cells: Cells;
}

/** Latencies of networks by count of co-located instances. */
export interface LatencyTable {
  /** Counts of instances that have a column, ascending. */
  readonly instances: readonly number[];
  readonly rows: readonly TableRow[];
}

/**
 * Parses a table of latencies as CSV: one row per network, the first columns naming it, the others
 * latencies in ms at increasing counts of instances.
 *
 * Which columns are latencies shows in the header: the last run of columns whose headings differ
 * only in one increasing number, such as `ms_at_1,ms_at_2,...` or `1,2,4,8`, that number being the
 * count of instances. With other headings, the trailing columns that hold nothing but numbers are
 * taken for 1, 2, ... instances. An empty cell was not measured.
 *
 * @param text the file's content
 * @param what its name, for error messages
 * @throws DnnScalerError `invalid-argument` naming line and column, for a table without rows or
 * latency columns, rows of another length than the header, and cells that are no positive number
 */
export function parseLatencyTable(text: string, what: string): LatencyTable {
  const [header, ...records] = parseCsvRecords(text);
  if (header === undefined || records.length === 0) {
    throw invalidArgument(what, 'must have a header and at least one row', text);
  }
  for (const { line, fields } of records) {
    if (fields.length !== header.fields.length) {
      throw invalidArgument(
        `line ${line} of ${what}`,
        `must have ${header.fields.length} fields, as the header has`,
        fields.length,
      );
    }
  }
  requireHeader(header, what);
  const instances = countsInHeader(header.fields) ?? countsByContent(records);
  if (instances.length === 0) {
    throw invalidArgument(
      `the header of ${what}`,
      'must end in latency columns, such as ms_at_1,ms_at_2 or 1,2 (instances)',
      header.fields.join(','),
    );
  }
  const rows = records.map((record) => parseRow(record, header.fields, instances, what));
  return { instances, rows };
}

function requireHeader({ line, fields }: CsvRecord, what: string): void {
  const shown = fields.join(',');
  const isData = fields.some(
    (heading) => /[.]/.test(heading) && !Number.isNaN(parseNumber(heading)),
  );
  if (isData) throw invalidArgument(`line ${line} of ${what}`, 'must be a header', shown);
  if (fields.includes('instances') && fields.includes('latency_ms')) {
    throw invalidArgument(
      what,
      'must have one row per network and one column per count of instances; this is a surface',
      shown,
    );
  }
}

function parseRow(
  { line, fields }: CsvRecord,
  header: readonly string[],
  instances: readonly number[],
  what: string,
): TableRow {
  const first = fields.length - instances.length;
  const labels = fields.slice(0, first).map((label) => label.trim());
  const cells = new Map<number, number>();
  instances.forEach((count, i) => {
    const field = (fields[first + i] as string).trim();
    if (field === '') return;
    const latencyMs = parseNumber(field);
    if (!(latencyMs > 0 && latencyMs < Infinity)) {
      const heading = header[first + i] as string;
      throw invalidArgument(
        `line ${line}, column ${first + i + 1} (${heading}) of ${what}`,
        'must be a latency over 0 ms, or empty where none was measured',
        field,
      );
    }
    cells.set(count, latencyMs);
  });
  if (cells.size === 0) {
    throw new DnnScalerError('invalid-argument', `line ${line} of ${what} has no latency at all`);
  }
  const name = labels.filter((label) => label !== '').join('/');
  return { name: name === '' ? `line ${line}` : name, labels, cells };
}

/** Counts from the last run of headings that differ only in one increasing number. */
function countsInHeader(header: readonly string[]): number[] | undefined {
  const counts: number[] = [];
  let pattern: string | undefined;
  for (const heading of header.toReversed()) {
    const match = /^(\D*)(\d+)(\D*)$/.exec(heading.trim());
    if (match === null) break;
    const count = Number(match[2]);
    const around = `${match[1] ?? ''}#${match[3] ?? ''}`.toLowerCase();
    if (around !== (pattern ?? around) || count < 1 || count >= (counts[0] ?? Infinity)) break;
    pattern = around;
    counts.unshift(count);
  }
  return counts.length > 0 ? counts : undefined;
}

/** As many counts from 1 up as there are trailing columns of numbers, some of them present. */
function countsByContent(records: readonly CsvRecord[]): number[] {
  const columns = records[0]?.fields.length ?? 0;
  let numeric = 0;
  while (numeric < columns) {
    const column = columns - 1 - numeric;
    const values = records.map(({ fields }) => (fields[column] as string).trim());
    if (!values.every((value) => value === '' || !Number.isNaN(parseNumber(value)))) break;
    if (values.every((value) => value === '')) break;
    numeric += 1;
  }
  return Array.from({ length: numeric }, (_, i) => i + 1);
}

/** A plain decimal number, or NaN. */
function parseNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
