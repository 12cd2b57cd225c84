import { parseCsvRecords } from '../csv.ts';
import { DnnScalerError, invalidArgument } from '../errors.ts';

/** One line of a table; every accessor names file, line and column in its error. */
export interface TableRow {
  readonly line: number;
  /** The field, without blanks around it; must not be empty. */
  text(column: string): string;
  /** A finite number over 0. */
  positive(column: string): number;
  /** The same, or undefined for an empty field or 0. */
  positiveOrNone(column: string): number | undefined;
  /** A finite number of at least 0. */
  nonNegative(column: string): number;
  /** An integer of at least 1 and at most `largest`. */
  count(column: string, largest: number): number;
}

/**
 * Reads a CSV text whose first record names the columns; others than those asked for are ignored.
 *
 * @param name of the file, for error messages
 * @param optional columns that may be missing, whose fields are then empty
 * @throws DnnScalerError `invalid-argument` for a missing or doubled column, a record of another
 *   length than the header, and no record at all
 */
export function readTable(
  text: string,
  name: string,
  columns: readonly string[],
  optional: readonly string[] = [],
): readonly TableRow[] {
  const [header, ...records] = parseRecords(text, name);
  const headings = header?.fields.map((field) => field.trim()) ?? [];
  const indexOf = new Map<string, number>();
  const present = optional.filter((column) => headings.includes(column));
  for (const column of [...columns, ...present]) {
    const index = headings.indexOf(column);
    if (index < 0 || headings.lastIndexOf(column) !== index) {
      throw invalidArgument(
        `${name} line ${header?.line ?? 1}`,
        `must name the columns ${columns.join(', ')}, each once`,
        headings.join(','),
      );
    }
    indexOf.set(column, index);
  }
  if (records.length === 0) {
    throw new DnnScalerError(
      'invalid-argument',
      `${name} must have lines below its header; it has none`,
    );
  }
  return records.map(({ line, fields }) => {
    if (fields.length !== headings.length) {
      throw invalidArgument(
        `${name} line ${line}`,
        `must have ${headings.length} fields as its header has`,
        fields.join(','),
      );
    }
    return tableRow(name, line, (column) => (fields[indexOf.get(column) ?? -1] ?? '').trim());
  });
}

function parseRecords(text: string, name: string): ReturnType<typeof parseCsvRecords> {
  try {
    return parseCsvRecords(text);
  } catch (error) {
    if (!(error instanceof DnnScalerError)) throw error;
    throw new DnnScalerError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}

function tableRow(name: string, line: number, field: (column: string) => string): TableRow {
  const fail = (column: string, rule: string): never => {
    throw invalidArgument(`${name} line ${line}, column ${column}`, rule, field(column));
  };
  const numberOf = (column: string): number => {
    const text = field(column);
    // Number() also reads blanks, hexadecimal and "Infinity"; a table holds plain decimals.
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  };
  const row: TableRow = {
    line,
    text(column) {
      const text = field(column);
      return text === '' ? fail(column, 'must not be empty') : text;
    },
    positive(column) {
      const value = numberOf(column);
      const isFine = value > 0 && Number.isFinite(value);
      return isFine ? value : fail(column, 'must be a number over 0');
    },
    positiveOrNone(column) {
      const isNone = field(column) === '' || numberOf(column) === 0;
      return isNone ? undefined : row.positive(column);
    },
    nonNegative(column) {
      const value = numberOf(column);
      const isFine = value >= 0 && Number.isFinite(value);
      return isFine ? value : fail(column, 'must be a number of at least 0');
    },
    count(column, largest) {
      const value = numberOf(column);
      const isFine = Number.isInteger(value) && value >= 1 && value <= largest;
      return isFine ? value : fail(column, `must be an integer from 1 to ${largest}`);
    },
  };
  return row;
}
