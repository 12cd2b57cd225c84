import { invalidArgument } from './errors.ts';

const msPerUnit = { us: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 } as const;
type DurationUnit = keyof typeof msPerUnit;

/**
 * Parses a positive duration with its unit (`250us`, `50ms`, `1.5s`, `2m`, `1h`) to milliseconds.
 *
 * @param what name of the option, for the error message
 * @throws DnnScalerError `invalid-argument` when the text is no positive, finite duration with a unit
 */
export function parseDurationMs(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)(us|ms|s|m|h)$/.exec(text.trim());
  const rule = 'must be a positive duration with a unit, such as 50ms, 1.5s or 2m';
  if (match === null) throw invalidArgument(what, rule, text);
  const durationMs = Number(match[1]) * msPerUnit[match[2] as DurationUnit];
  if (!(durationMs > 0) || !Number.isFinite(durationMs)) throw invalidArgument(what, rule, text);
  return durationMs;
}

const bytesPerUnit = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/**
 * Parses a positive number of bytes with its unit (`512MiB`, `1.5GiB`, `2GB`).
 *
 * @param what name of the option, for the error message
 * @throws DnnScalerError `invalid-argument` when the text is nothing of that kind
 */
export function parseBytes(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)([KMG]i?B|B)$/.exec(text.trim());
  const bytes = Math.floor(
    Number(match?.[1]) * bytesPerUnit[(match?.[2] ?? 'B') as keyof typeof bytesPerUnit],
  );
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw invalidArgument(what, 'must be a number of bytes with a unit, such as 512MiB or 2GB', text);
}

/** Milliseconds for people: three significant digits, in the unit that reads best. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '-';
  if (ms < 1) return `${threeDigits(ms * 1e3)} us`;
  if (ms < 1e4) return `${threeDigits(ms)} ms`;
  return `${threeDigits(ms / 1e3)} s`;
}

/** A rate for people, such as `1,234/s`. */
export function formatPerS(perS: number): string {
  if (!Number.isFinite(perS)) return '-';
  return `${perS >= 1000 ? Math.round(perS).toLocaleString('en-US') : threeDigits(perS)}/s`;
}

/** Power for people, such as `212 W`. */
export function formatWatts(watts: number): string {
  return Number.isFinite(watts) ? `${threeDigits(watts)} W` : '-';
}

/** Throughput per watt for people: rows per second and watt are rows per joule. */
export function formatPerJoule(perJoule: number): string {
  return Number.isFinite(perJoule) ? `${threeDigits(perJoule)} rows/J` : '-';
}

/** A share between 0 and 1 as a percentage with at most one decimal: `95%`, `99.9%`. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return '-';
  return `${Number((share * 100).toFixed(1))}%`;
}

/** Bytes for people, in powers of 1024. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${threeDigits(value)} ${units[unit]}`;
}

function threeDigits(value: number): string {
  const size = Math.abs(value);
  // What rounds up to the next power of ten has one decimal less.
  const decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return value.toFixed(decimals);
}
