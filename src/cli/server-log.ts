import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Logger } from 'pino';

/** Fields that the text format leaves out, or puts elsewhere. */
const ownFields = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'model', 'version']);

/**
 * The server's log: JSON lines on standard output, or text for people on standard error. `auto` is
 * text where standard error is a terminal.
 */
export function serverLog(format: 'auto' | 'text' | 'json', verbose: boolean): Logger {
  const level = verbose ? 'debug' : 'info';
  const isText = format === 'text' || (format === 'auto' && process.stderr.isTTY);
  if (!isText) return pino({ level, timestamp: pino.stdTimeFunctions.isoTime });
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      process.stderr.write(`${textLine(chunk.toString())}\n`);
      done();
    },
  });
  return pino({ level }, stream);
}

/** `12:30:01 WARN detector: message  key=value`. */
export function textLine(json: string): string {
  const record = JSON.parse(json) as Record<string, unknown> & { level: number; time: number };
  const time = new Date(record.time).toISOString().slice(11, 19);
  const level = pino.levels.labels[record.level] ?? 'info';
  const mark = level === 'info' || level === 'debug' ? '' : `${level.toUpperCase()} `;
  const subject = typeof record.model === 'string' ? `${record.model}: ` : '';
  const message = typeof record.msg === 'string' ? record.msg : '';
  const fields = Object.entries(record)
    .filter(([name, value]) => !ownFields.has(name) && value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [`${time} ${mark}${subject}${message}`, ...fields].join('  ');
}
