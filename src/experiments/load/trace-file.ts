import { readFile } from 'node:fs/promises';
import { parseCsvRecords } from '../../csv.ts';
import { DnnScalerError, invalidArgument, toDnnScalerError } from '../../errors.ts';

/** What one unit of each column is in ms. */
const columns: Readonly<Record<string, number>> = { time_ms: 1, time_s: 1000 };

/**
 * Reads the arrival times of a recorded trace: a number to a line, in ms since the trace began; or
 * a CSV file with a column `time_ms` or `time_s` among others.
 *
 * @returns ms since the trace began, ascending
 * @throws DnnScalerError `invalid-argument` naming the line of what is no time, or is out of order;
 *   `not-found` when there is no such file
 */
export async function readTrace(file: string): Promise<readonly number[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not-found' : undefined;
    const { message } = toDnnScalerError(error);
    throw new DnnScalerError(
      code ?? 'invalid-argument',
      `the trace file cannot be read: ${message}`,
      { cause: error },
    );
  }
  return parseTrace(text, file);
}

/** As `readTrace`. @param name of the trace, for messages */
export function parseTrace(text: string, name: string): readonly number[] {
  const [header, ...rest] = parseCsvRecords(text);
  if (header === undefined) throw invalidArgument(name, 'must hold at least one arrival', text);
  const column = header.fields.findIndex((field) => columns[field.trim()] !== undefined);
  const unitMs = columns[header.fields[column]?.trim() ?? ''] ?? 1;
  let beforeMs = 0;
  return (column < 0 ? [header, ...rest] : rest).map(({ line, fields }) => {
    const field = fields[Math.max(column, 0)]?.trim() ?? '';
    const timeMs = field === '' ? Number.NaN : Number(field) * unitMs;
    if (!Number.isFinite(timeMs) || timeMs < beforeMs) {
      const rule = 'must be a time of at least 0 that is not before the line above';
      throw invalidArgument(`${name} line ${line}`, rule, field);
    }
    beforeMs = timeMs;
    return timeMs;
  });
}
