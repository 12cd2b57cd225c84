import { invalidValue } from './invalid-value.ts';
import type { NumericData } from '../tensor/dtype.ts';
import type { JsonNumbers } from './json-fields.ts';
import { checkExact } from './json-fields.ts';
import type { WireData, WireDatatype } from './tensor.ts';
import { wireArray } from './wire-bytes.ts';

/**
 * Reads the `data` array of a JSON tensor, which is flat in row-major order or nested as its shape.
 * Floats may also be the strings "NaN", "Infinity" and "-Infinity", as JSON has no such numbers
 * (the mapping that protobuf chose).
 *
 * @param count elements by the shape
 * @throws DnnScalerError `invalid-argument` when the data does not fit shape or type
 */
export function dataFromJson(
  what: string,
  datatype: WireDatatype,
  shape: readonly number[],
  count: number,
  data: unknown,
  numbers: JsonNumbers,
): WireData {
  if (datatype === 'FP16' || datatype === 'BF16') {
    throw invalidValue(what, `must be sent as binary data, as JSON has no ${datatype}`, 'JSON');
  }
  // Nothing is allocated before the elements have been counted.
  const runs = runsOfElements(what, shape, count, data);
  if (datatype === 'BYTES') return runs.flat().map((element) => utf8(what, element));
  const into = wireArray(datatype, count);
  let at = 0;
  for (const run of runs) {
    fill(what, datatype, into, at, run, numbers);
    at += run.length;
  }
  return into;
}

/** The flat pieces that a flat or nested array consists of, `count` elements in all. */
function runsOfElements(
  what: string,
  shape: readonly number[],
  count: number,
  data: unknown,
): readonly (readonly unknown[])[] {
  if (!Array.isArray(data)) throw invalidValue(what, 'must be an array', data);
  if (shape.length < 2 || !Array.isArray(data[0])) {
    if (data.length === count) return [data];
    const rule = `must have ${count} elements, the product of shape [${shape.join(',')}]`;
    throw invalidValue(`the length of ${what}`, rule, data.length);
  }
  const runs: (readonly unknown[])[] = [];
  const collect = (node: unknown, depth: number): void => {
    const length = shape[depth] as number;
    if (!Array.isArray(node) || node.length !== length) {
      const rule = `must be flat or nested as shape [${shape.join(',')}]: at depth ${depth}, arrays of ${length}`;
      throw invalidValue(what, rule, Array.isArray(node) ? node.length : node);
    }
    if (depth === shape.length - 1) runs.push(node);
    else for (const child of node) collect(child, depth + 1);
  };
  collect(data, 0);
  return runs;
}

type JsonDatatype = Exclude<WireDatatype, 'FP16' | 'BF16' | 'BYTES'>;

function fill(
  what: string,
  datatype: JsonDatatype,
  into: NumericData,
  at: number,
  run: readonly unknown[],
  numbers: JsonNumbers,
): void {
  if (datatype === 'FP32' || datatype === 'FP64') {
    fillFloats(what, datatype, into as Float32Array, at, run, numbers);
  } else if (into instanceof BigInt64Array || into instanceof BigUint64Array) {
    for (let i = 0; i < run.length; i += 1) {
      into[at + i] = toBigInt(what, datatype, run[i], numbers);
    }
  } else if (datatype === 'BOOL') {
    for (let i = 0; i < run.length; i += 1) into[at + i] = toBit(what, run[i]);
  } else {
    for (let i = 0; i < run.length; i += 1) {
      const value = run[i];
      if (typeof value !== 'number') throw wrongElement(what, datatype, value);
      into[at + i] = value;
      // The array rounds and wraps; whatever it changed did not fit.
      if (into[at + i] !== value) throw wrongElement(what, datatype, value);
    }
  }
}

const floatWords: Readonly<Record<string, number>> = {
  NaN: NaN,
  Infinity: Infinity,
  '-Infinity': -Infinity,
};

function fillFloats(
  what: string,
  datatype: 'FP32' | 'FP64',
  into: Float32Array | Float64Array,
  at: number,
  run: readonly unknown[],
  numbers: JsonNumbers,
): void {
  for (let i = 0; i < run.length; i += 1) {
    const value = run[i];
    if (typeof value === 'number') {
      into[at + i] = value;
      if (Number.isFinite(into[at + i])) continue;
      // A literal too large for a double came as infinity: only the exact reader can tell.
      if (!Number.isFinite(value)) checkExact(value, numbers);
      else throw wrongElement(what, datatype, value);
    } else if (typeof value === 'bigint') {
      into[at + i] = Number(value);
      if (!Number.isFinite(into[at + i])) throw wrongElement(what, datatype, value);
    } else if (typeof value === 'string' && Object.hasOwn(floatWords, value)) {
      into[at + i] = floatWords[value] as number;
    } else {
      throw wrongElement(what, datatype, value);
    }
  }
}

function toBigInt(
  what: string,
  datatype: 'INT64' | 'UINT64' | JsonDatatype,
  value: unknown,
  numbers: JsonNumbers,
): bigint {
  if (typeof value === 'number') checkExact(value, numbers);
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) {
    throw wrongElement(what, datatype, value);
  }
  const integer = BigInt(value);
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    if (value >= 0 || datatype === 'INT64') return integer;
  }
  const wrapped = datatype === 'INT64' ? BigInt.asIntN(64, integer) : BigInt.asUintN(64, integer);
  if (wrapped !== integer) throw wrongElement(what, datatype, value);
  return integer;
}

/** Booleans, or 0 and 1 as many clients write them. */
function toBit(what: string, value: unknown): number {
  if (value === true || value === 1) return 1;
  if (value === false || value === 0) return 0;
  throw wrongElement(what, 'BOOL', value);
}

const encoder = new TextEncoder();

function utf8(what: string, value: unknown): Uint8Array {
  // Half a surrogate pair, which only an escape can write, has no UTF-8.
  if (typeof value !== 'string' || /[\ud800-\udfff]/u.test(value)) {
    throw wrongElement(what, 'BYTES', value);
  }
  return encoder.encode(value);
}

function wrongElement(what: string, datatype: JsonDatatype | 'BYTES', value: unknown): Error {
  return invalidValue(`elements of ${what}`, `must be ${allowed[datatype]}`, value);
}

const allowed: Record<JsonDatatype | 'BYTES', string> = {
  BOOL: 'true or false',
  UINT8: 'integers from 0 to 255',
  UINT16: 'integers from 0 to 65535',
  UINT32: 'integers from 0 to 2^32 - 1',
  UINT64: 'integers from 0 to 2^64 - 1',
  INT8: 'integers from -128 to 127',
  INT16: 'integers from -32768 to 32767',
  INT32: 'integers from -2^31 to 2^31 - 1',
  INT64: 'integers from -2^63 to 2^63 - 1',
  FP32: 'numbers within the range of FP32',
  FP64: 'numbers within the range of FP64',
  BYTES: 'strings of whole characters (other bytes must be sent as binary data)',
};
