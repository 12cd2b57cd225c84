import { isAscii, isUtf8 } from 'node:buffer';
import { DnnScalerError } from '../errors.ts';
import { invalidValue } from './invalid-value.ts';
import type { Parameters, ParameterValue } from './data-plane.ts';
import { parseExactJson } from './exact-json.ts';
import type { JsonBounds } from './json-bounds.ts';
import { checkJsonBounds, defaultJsonBounds } from './json-bounds.ts';
import { maxParameters } from './wire-limits.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Thrown where a number may have lost digits; the message is then read again, exactly. */
class NeedsExactNumbers extends Error {}

/** How the numbers of the JSON at hand were read. */
export interface JsonNumbers {
  /** Integers beyond 2^53 are bigint, and NaN and the infinities were written as such. */
  readonly exact: boolean;
}

/**
 * Decodes JSON text with `JSON.parse`, and again with every digit kept when `decode` meets a number
 * for which that matters.
 *
 * @throws DnnScalerError `invalid-argument` for text that is no JSON or is out of bounds, and what
 *   `decode` throws
 */
export function decodeJson<T>(
  text: Uint8Array,
  decode: (json: unknown, numbers: JsonNumbers) => T,
  bounds: JsonBounds = defaultJsonBounds,
): T {
  checkJsonBounds(text, bounds);
  const characters = asText(text);
  let json: unknown;
  try {
    json = JSON.parse(characters);
  } catch {
    // It may only hold NaN or an infinity; if not, this reader says where the fault is.
    return decode(parseExactJson(characters), { exact: true });
  }
  try {
    return decode(json, { exact: false });
  } catch (error) {
    if (!(error instanceof NeedsExactNumbers)) throw error;
    return decode(parseExactJson(characters), { exact: true });
  }
}

/** @throws unless `value` is all that was written, or there is no more exact reading to be had */
export function checkExact(value: number, numbers: JsonNumbers): void {
  if (numbers.exact) return;
  const mayHaveLostDigits = Number.isInteger(value) && !Number.isSafeInteger(value);
  if (mayHaveLostDigits || !Number.isFinite(value)) throw new NeedsExactNumbers();
}

function asText(text: Uint8Array): string {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  if (isAscii(buffer)) return buffer.toString('latin1');
  if (isUtf8(buffer)) return buffer.toString('utf8');
  throw new DnnScalerError('invalid-argument', 'the JSON text is not valid UTF-8');
}

/** @throws DnnScalerError `invalid-argument` for anything but a JSON object */
export function asObject(what: string, value: unknown): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw invalidValue(what, 'must be a JSON object', value);
}

/** @throws DnnScalerError `invalid-argument` for anything but a JSON array */
export function asArray(what: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalidValue(what, 'must be a JSON array', value);
}

/** A member that may be absent (or null). @throws DnnScalerError `invalid-argument` */
export function optionalString(what: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw invalidValue(what, 'must be a string', value);
}

/** A member that may be absent (or null). @throws DnnScalerError `invalid-argument` */
export function optionalBoolean(what: string, value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw invalidValue(what, 'must be true or false', value);
}

/** A member that may be absent (or null). @throws DnnScalerError `invalid-argument` */
export function optionalCount(what: string, value: unknown, least: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw invalidValue(what, `must be an integer from ${least}`, value);
}

/**
 * The members of a `parameters` object; none when it is absent. Nulls, which clients write for
 * "not set", are left out.
 *
 * @throws DnnScalerError `invalid-argument` for values that are no boolean, number or string, and
 *   for more than 1,024 of them
 */
export function asParameters(what: string, value: unknown, numbers: JsonNumbers): Parameters {
  if (value === undefined || value === null) return {};
  const members = Object.entries(asObject(what, value));
  if (members.length > maxParameters) {
    throw invalidValue(what, `must be at most ${maxParameters}`, members.length);
  }
  const entries: [string, ParameterValue][] = [];
  for (const [key, member] of members) {
    if (member === null) continue;
    if (typeof member === 'number') checkExact(member, numbers);
    if (!isParameterValue(member)) {
      throw invalidValue(`${what}.${key}`, 'must be a boolean, number or string', member);
    }
    entries.push([key, member]);
  }
  return Object.fromEntries(entries);
}

function isParameterValue(value: unknown): value is ParameterValue {
  return ['boolean', 'number', 'bigint', 'string'].includes(typeof value);
}
