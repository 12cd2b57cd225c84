import { DnnScalerError } from '../errors.ts';

/** Tensor element types, by the names that the Open Inference Protocol gives them. */
export interface DataOf {
  BOOL: Uint8Array;
  UINT8: Uint8Array;
  UINT16: Uint16Array;
  UINT32: Uint32Array;
  UINT64: BigUint64Array;
  INT8: Int8Array;
  INT16: Int16Array;
  INT32: Int32Array;
  INT64: BigInt64Array;
  /** IEEE half precision, as its 16 bits. */
  FP16: Uint16Array;
  FP32: Float32Array;
  FP64: Float64Array;
  /** Strings of text or bytes. */
  BYTES: readonly string[];
}

export type Datatype = keyof DataOf;
export type TensorData = DataOf[Datatype];
export type NumericDatatype = Exclude<Datatype, 'BYTES'>;
export type NumericData = DataOf[NumericDatatype];

/** `new arrays[t](buffer, byteOffset, length)` views numeric data of type `t`. */
export const arrays = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const satisfies Record<NumericDatatype, unknown>;

/** Bytes of one element. */
export function elementBytes(datatype: NumericDatatype): number {
  return arrays[datatype].BYTES_PER_ELEMENT;
}

/** A view of `length` elements of the given type over part of a buffer. */
export function viewOf(
  datatype: NumericDatatype,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): NumericData {
  return new arrays[datatype](buffer as ArrayBuffer, byteOffset, length);
}

/** A zeroed array (or one of empty strings) of `length` elements. */
export function zeros(datatype: Datatype, length: number): TensorData {
  if (datatype === 'BYTES') return new Array<string>(length).fill('');
  return new arrays[datatype](length);
}

/** Elements in a tensor of these dimensions; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const dim of dims) count *= dim;
  return count;
}

/** @throws DnnScalerError `unsupported` for a type that no engine of ours can carry */
export function asDatatype(name: string): Datatype {
  if (name === 'BYTES' || Object.hasOwn(arrays, name)) return name as Datatype;
  throw new DnnScalerError('unsupported', `tensor type ${name} is not supported`);
}
