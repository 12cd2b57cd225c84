import { DnnScalerError } from './errors.ts';

/** One record of a CSV text, with the line (from 1) on which it begins. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Parses comma-separated values as RFC 4180 has them: fields may be quoted, a quoted field may hold
 * commas, line ends and doubled quotes. Lines may end in LF or CRLF; blank lines and a byte order
 * mark are skipped. Fields are not trimmed, and records may differ in length.
 *
 * @throws DnnScalerError `invalid-argument` at a quote inside an unquoted field, at text after a
 * closing quote, and when a quote is never closed
 */
export function parseCsvRecords(text: string): readonly CsvRecord[] {
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let begunAt = 1;
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  const endRecord = (): void => {
    if (fields.length > 1 || fields[0] !== '') records.push({ line: begunAt, fields });
    fields = [];
    line += 1;
    begunAt = line;
  };
  while (at < text.length) {
    const quoted = text[at] === '"';
    const end = quoted ? closingQuote(text, at, line) + 1 : endOfPlainField(text, at, line);
    const raw = text.slice(at, end);
    fields.push(quoted ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (quoted) line += raw.split('\n').length - 1;
    at = end;
    if (text[at] === ',') {
      at += 1;
      // A comma at the very end still opens one more, empty field.
      if (at === text.length) fields.push('');
      else continue;
    }
    const lineEnd = /\r?\n/y;
    lineEnd.lastIndex = at;
    const matched = lineEnd.exec(text);
    if (matched === null && at < text.length) {
      throw broken(line, `text after a closing quote`, text.slice(at, at + 20));
    }
    at += matched?.[0].length ?? 0;
    endRecord();
  }
  return records;
}

/** As `parseCsvRecords`, without the line numbers. */
export function parseCsv(text: string): string[][] {
  return parseCsvRecords(text).map(({ fields }) => [...fields]);
}

/** Writes records as CSV with LF line ends, quoting only the fields that need it. */
export function writeCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(writeField).join(',')}\n`).join('');
}

function writeField(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Index of the quote that closes the one at `start`. */
function closingQuote(text: string, start: number, line: number): number {
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) throw broken(line, 'a quote that is never closed', text.slice(start, start + 20));
    if (text[at + 1] !== '"') return at;
    at += 1;
  }
}

function endOfPlainField(text: string, start: number, line: number): number {
  const special = /[",\n]|\r(?=\n)/g;
  special.lastIndex = start;
  const end = special.exec(text)?.index ?? text.length;
  if (text[end] === '"') {
    throw broken(line, 'a quote inside an unquoted field', text.slice(start, end + 1));
  }
  return end;
}

function broken(line: number, what: string, near: string): DnnScalerError {
  return new DnnScalerError(
    'invalid-argument',
    `CSV line ${line} has ${what}; received ${JSON.stringify(near)}`,
  );
}
