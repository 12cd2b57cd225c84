import { invalidValue } from './invalid-value.ts';
import type { NumericData, NumericDatatype } from '../tensor/dtype.ts';
import { elementBytes, viewOf } from '../tensor/dtype.ts';
import type { WireData, WireDatatype } from './tensor.ts';

/*
 * Tensors as bytes: row-major and little-endian, which is the order of every machine that
 * onnxruntime-node runs on. BOOL is one byte; a BYTES element is a u32 length and its bytes.
 * (Triton's binary tensor extension, and `raw_input_contents` of its gRPC protocol.)
 */

type FixedSizeDatatype = Exclude<WireDatatype, 'BYTES'>;

/** What a BF16 tensor is held in: its 16 bits. */
function heldAs(datatype: FixedSizeDatatype): NumericDatatype {
  return datatype === 'BF16' ? 'UINT16' : datatype;
}

/** Bytes of one element as it travels. */
export function wireElementBytes(datatype: FixedSizeDatatype): number {
  return elementBytes(heldAs(datatype));
}

/** An array of the kind that holds this type. */
export function wireArray(datatype: FixedSizeDatatype, length: number): NumericData {
  const held = heldAs(datatype);
  return viewOf(held, new ArrayBuffer(length * elementBytes(held)), 0, length);
}

/**
 * Reads a tensor of `count` elements that fills `bytes`. The result is a view of `bytes` where its
 * address allows one (BYTES always), else a copy.
 *
 * @throws DnnScalerError `invalid-argument` when the bytes do not hold exactly `count` elements
 */
export function dataFromBytes(
  what: string,
  datatype: WireDatatype,
  count: number,
  bytes: Uint8Array,
): WireData {
  if (datatype === 'BYTES') return readStrings(what, count, bytes);
  const held = heldAs(datatype);
  const wanted = count * elementBytes(held);
  if (bytes.byteLength !== wanted) {
    const rule = `must have ${wanted} bytes for ${count} elements of ${datatype}`;
    throw invalidValue(what, rule, bytes.byteLength);
  }
  if (datatype === 'BOOL') checkBooleans(what, bytes);
  if (bytes.byteOffset % elementBytes(held) === 0) {
    return viewOf(held, bytes.buffer, bytes.byteOffset, count);
  }
  const copy = Buffer.allocUnsafeSlow(wanted);
  copy.set(bytes);
  return viewOf(held, copy.buffer, 0, count);
}

/** The bytes of a tensor: a view of its data, or for BYTES a new array. */
export function bytesFromData(data: WireData): Uint8Array {
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  let total = 0;
  for (const element of data) total += 4 + element.byteLength;
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const element of data) {
    view.setUint32(at, element.byteLength, true);
    bytes.set(element, at + 4);
    at += 4 + element.byteLength;
  }
  return bytes;
}

function readStrings(what: string, count: number, bytes: Uint8Array): readonly Uint8Array[] {
  const elements: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const length = at + 4 <= bytes.byteLength ? view.getUint32(at, true) : Infinity;
    if (length > bytes.byteLength - at - 4) {
      const rule = `must hold ${count} elements, each a length of 4 bytes and that many bytes; they end inside element ${i}`;
      throw invalidValue(what, rule, bytes.byteLength);
    }
    elements.push(new Uint8Array(bytes.buffer, bytes.byteOffset + at + 4, length));
    at += 4 + length;
  }
  if (at !== bytes.byteLength) {
    throw invalidValue(what, `must end after ${count} elements, at byte ${at}`, bytes.byteLength);
  }
  return elements;
}

function checkBooleans(what: string, bytes: Uint8Array): void {
  for (const byte of bytes) {
    if (byte > 1) throw invalidValue(what, 'must hold bytes 0 and 1 only', byte);
  }
}
