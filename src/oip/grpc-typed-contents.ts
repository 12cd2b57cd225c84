import type { Reader } from 'protobufjs/light.js';
import { invalidArgument } from '../errors.ts';
import type { NumericData } from '../tensor/dtype.ts';
import type { ByteRange } from './grpc-wire.ts';
import { readEnd, readFields, readVarint64, wireType } from './grpc-wire.ts';
import type { WireData, WireDatatype } from './tensor.ts';
import { wireArray } from './wire-bytes.ts';

/*
 * `InferTensorContents`: the elements of a tensor in a repeated field of its type. Numbers come
 * packed (one length-delimited value holding all) or one by one; a reader must take both.
 */

interface ContentsField {
  readonly number: number;
  readonly name: string;
  /** How one element is encoded. */
  readonly type: 0 | 1 | 2 | 5;
  /** Bytes of the shortest encoding of an element. */
  readonly minBytes: number;
}

const { varint, fixed64, lengthDelimited, fixed32 } = wireType;
const bools = { number: 1, name: 'bool_contents', type: varint, minBytes: 1 } as const;
const ints = { number: 2, name: 'int_contents', type: varint, minBytes: 1 } as const;
const int64s = { number: 3, name: 'int64_contents', type: varint, minBytes: 1 } as const;
const uints = { number: 4, name: 'uint_contents', type: varint, minBytes: 1 } as const;
const uint64s = { number: 5, name: 'uint64_contents', type: varint, minBytes: 1 } as const;
const floats = { number: 6, name: 'fp32_contents', type: fixed32, minBytes: 4 } as const;
const doubles = { number: 7, name: 'fp64_contents', type: fixed64, minBytes: 8 } as const;
const strings = { number: 8, name: 'bytes_contents', type: lengthDelimited, minBytes: 2 } as const;

const fieldNames = [bools, ints, int64s, uints, uint64s, floats, doubles, strings].map(
  ({ name }) => name,
);

const fieldOf = {
  BOOL: bools,
  INT8: ints,
  INT16: ints,
  INT32: ints,
  INT64: int64s,
  UINT8: uints,
  UINT16: uints,
  UINT32: uints,
  UINT64: uint64s,
  FP32: floats,
  FP64: doubles,
  BYTES: strings,
} as const satisfies Partial<Record<WireDatatype, ContentsField>>;

type TypedDatatype = keyof typeof fieldOf;

/**
 * Reads the elements of one tensor from its `contents`. BYTES elements are views of the message.
 *
 * @param ranges where in the message the contents lie: an embedded message may come in pieces
 * @throws DnnScalerError `invalid-argument` when they are not `count` elements in the field of
 *   `datatype`, and for values outside of its range
 */
export function readContents(
  what: string,
  reader: Reader,
  ranges: readonly ByteRange[],
  datatype: WireDatatype,
  count: number,
): WireData {
  if (!Object.hasOwn(fieldOf, datatype)) {
    throw invalidArgument(what, 'must come in raw_input_contents, as its type is', datatype);
  }
  const typed = datatype as TypedDatatype;
  const field = fieldOf[typed];
  let bytes = 0;
  for (const { start, end } of ranges) bytes += end - start;
  // Before any memory is taken for `count` elements.
  if (count * field.minBytes > bytes) throw wrongCount(what, field, count, 'fewer');
  const sink: Sink =
    typed === 'BYTES' ? new StringSink() : new NumberSink(typed, wireArray(typed, count), what);
  for (const { start, end } of ranges) {
    reader.pos = start;
    readFields(reader, end, (tag) => {
      const number = tag >>> 3;
      if (number !== field.number) {
        const other = fieldNames[number - 1];
        if (other === undefined) return false;
        throw invalidArgument(what, `must have its elements in ${field.name}, as ${typed}`, other);
      }
      const type = tag & 7;
      const isPacked = type === lengthDelimited && field.type !== lengthDelimited;
      if (!isPacked && type !== field.type) return false;
      const last = isPacked ? readEnd(reader, end) : reader.pos + 1;
      while (reader.pos < last) {
        if (sink.length >= count) throw wrongCount(what, field, count, 'more');
        sink.take(reader, last, isPacked);
      }
      if (isPacked && reader.pos !== last) throw new RangeError(`${field.name} are cut off`);
      return true;
    });
  }
  if (sink.length !== count) throw wrongCount(what, field, count, sink.length);
  return sink.data;
}

function wrongCount(what: string, field: ContentsField, count: number, received: unknown): Error {
  return invalidArgument(what, `must have ${count} elements in ${field.name}`, received);
}

/** Where elements go as they are read. */
interface Sink {
  readonly data: WireData;
  /** Elements taken. */
  readonly length: number;
  /** Reads one element, or as many as come in one piece. */
  take(reader: Reader, end: number, isPacked: boolean): void;
}

class StringSink implements Sink {
  readonly data: Uint8Array[] = [];

  get length(): number {
    return this.data.length;
  }

  take(reader: Reader): void {
    const bytes = reader.bytes();
    this.data.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
}

class NumberSink implements Sink {
  readonly #datatype: Exclude<TypedDatatype, 'BYTES'>;
  readonly data: NumericData;
  readonly #what: string;
  length = 0;

  constructor(datatype: Exclude<TypedDatatype, 'BYTES'>, data: NumericData, what: string) {
    this.#datatype = datatype;
    this.data = data;
    this.#what = what;
  }

  take(reader: Reader, end: number, isPacked: boolean): void {
    switch (this.#datatype) {
      case 'FP32':
      case 'FP64':
        this.#copy(reader, isPacked ? end - reader.pos : this.data.BYTES_PER_ELEMENT);
        return;
      case 'INT64':
      case 'UINT64':
        // The array takes the 64 bits as its own, signed or not.
        (this.data as BigInt64Array | BigUint64Array)[this.length] = readVarint64(reader);
        break;
      case 'BOOL':
        this.data[this.length] = reader.bool() ? 1 : 0;
        break;
      case 'INT8':
      case 'INT16':
      case 'INT32':
        this.#number(reader.int32());
        break;
      case 'UINT8':
      case 'UINT16':
      case 'UINT32':
        this.#number(reader.uint32());
        break;
    }
    this.length += 1;
  }

  #number(value: number): void {
    this.data[this.length] = value;
    if (this.data[this.length] !== value) {
      throw invalidArgument(this.#what, `must hold values of ${this.#datatype}`, value);
    }
  }

  /** Little-endian numbers of fixed size lie in the message as in memory. */
  #copy(reader: Reader, byteLength: number): void {
    const { data } = this;
    const count = byteLength / data.BYTES_PER_ELEMENT;
    if (!Number.isInteger(count)) throw new RangeError('packed numbers are cut off');
    if (count > data.length - this.length) {
      const rule = `must have ${data.length} elements in ${fieldOf[this.#datatype].name}`;
      throw invalidArgument(this.#what, rule, 'more');
    }
    const { pos } = reader;
    if (pos + byteLength > reader.len) throw new RangeError('the message ends inside a number');
    const into = new Uint8Array(data.buffer, this.length * data.BYTES_PER_ELEMENT, byteLength);
    into.set(reader.buf.subarray(pos, pos + byteLength));
    reader.pos += byteLength;
    this.length += count;
  }
}
