import { isUtf8 } from 'node:buffer';
import { invalidValue } from './invalid-value.ts';
import type { Parameters } from './data-plane.ts';
import type { WireTensor } from './tensor.ts';

/**
 * The elements of a tensor as the text of a flat JSON array. NaN and the infinities are written as
 * strings, so that every JSON parser can read the message.
 *
 * @throws DnnScalerError `invalid-argument` for what JSON cannot hold: FP16, BF16, and BYTES that
 *   are no UTF-8
 */
export function dataToJson(tensor: WireTensor): string {
  const { name, datatype, data } = tensor;
  if (datatype === 'FP16' || datatype === 'BF16') {
    const rule = `must be asked for as binary data, as JSON has no ${datatype}`;
    throw invalidValue(`tensor "${name}"`, rule, 'JSON');
  }
  if (!ArrayBuffer.isView(data)) {
    return `[${data.map((bytes) => JSON.stringify(asText(name, bytes))).join(',')}]`;
  }
  if (datatype === 'BOOL') {
    return `[${Array.from(data as Uint8Array, (bit) => bit !== 0).join(',')}]`;
  }
  if (data instanceof Float32Array || data instanceof Float64Array) {
    return data.every(printsExactly)
      ? `[${data.join(',')}]`
      : `[${Array.from(data, floatText).join(',')}]`;
  }
  return `[${data.join(',')}]`;
}

/** JSON text of a `parameters` object. */
export function parametersToJson(parameters: Parameters): string {
  const members = Object.entries(parameters).map(([key, value]) => {
    const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value);
    return `${JSON.stringify(key)}:${text}`;
  });
  return `{${members.join(',')}}`;
}

/** `String` of a double reads back as the same number, but for these. */
function printsExactly(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}

function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function asText(name: string, bytes: Uint8Array): string {
  if (!isUtf8(bytes)) {
    const rule = 'must be asked for as binary data, as its bytes are not UTF-8';
    throw invalidValue(`tensor "${name}"`, rule, 'JSON');
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
