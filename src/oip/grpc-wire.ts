import type { Reader, Writer } from 'protobufjs/light.js';
import { toDnnScalerError, invalidArgument, DnnScalerError } from '../errors.ts';

/*
 * What protobufjs leaves to its generated code: walking the fields of a message. Inference messages
 * are read and written by hand, straight between bytes and our own types, because an object per
 * message with copies of its tensors costs more than everything else a server does to them.
 */

/** The wire types of protocol buffers that its third version uses. */
export const wireType = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

export type WireType = (typeof wireType)[keyof typeof wireType];

/** What stands before a field: its number and how it is encoded. */
export function fieldTag(field: number, type: WireType): number {
  return (field << 3) | type;
}

/**
 * Fields of one message, those of embedded messages included: they take as little as 2 bytes each,
 * may repeat without end, and cost more than a hundred times as long to read as other bytes. As many
 * strings as a tensor may have, and all the tensors and parameters around them, are half of it.
 */
export const maxFields = 2 ** 19;

/** A reader of one message. */
interface CountingReader extends Reader {
  /** So far; absent before the first. */
  fieldsRead?: number;
}

/** The wire type that begins a group, which protocol buffers of the third version do not have. */
const group = 3;

/**
 * Calls `read` with the tag of each field up to `end`. It must read what it knows, and return false
 * to have a field skipped: unknown ones, and known ones of another wire type.
 *
 * @throws RangeError or Error when the bytes are no message; DnnScalerError `invalid-argument` for
 *   too many fields
 */
export function readFields(
  reader: CountingReader,
  end: number,
  read: (tag: number) => boolean,
): void {
  while (reader.pos < end) {
    const fields = (reader.fieldsRead ?? 0) + 1;
    reader.fieldsRead = fields;
    if (fields > maxFields) {
      throw invalidArgument('the message', `must have at most ${maxFields} fields`, 'more');
    }
    const tag = reader.tag();
    if (read(tag)) continue;
    // What is inside of a group would go uncounted.
    if ((tag & 7) === group) throw new RangeError('a group has no place in the message');
    reader.skipType(tag & 7, 0, tag >>> 3);
  }
  if (reader.pos !== end) throw new RangeError(`a field passes the end of its message at ${end}`);
}

/** The end of the length-delimited value that begins here, its length read. */
export function readEnd(reader: Reader, messageEnd: number): number {
  const length = reader.size();
  const end = reader.pos + length;
  if (end > messageEnd) throw new RangeError(`${length} bytes pass the end of the message`);
  return end;
}

/** Where a length-delimited value lies in the message. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Reads past a length-delimited value, and tells where it lies. */
export function readRange(reader: Reader, messageEnd: number): ByteRange {
  const end = readEnd(reader, messageEnd);
  const start = reader.pos;
  reader.pos = end;
  return { start, end };
}

/** A varint of 64 bits, unsigned. */
export function readVarint64(reader: Reader): bigint {
  const { buf } = reader;
  let low = 0;
  // The first 28 bits, which are all of most values, without a bigint.
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = nextByte(reader, buf);
    low |= (byte & 127) << shift;
    if (byte < 128) return BigInt(low);
  }
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = nextByte(reader, buf);
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return BigInt.asUintN(64, value);
  }
  throw new RangeError('a varint has more than 10 bytes');
}

function nextByte(reader: Reader, buf: Uint8Array): number {
  const byte = reader.pos < reader.len ? buf[reader.pos] : undefined;
  if (byte === undefined) throw new RangeError('the message ends inside a varint');
  reader.pos += 1;
  return byte;
}

/** A number where that is exact, else the bigint. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Writes a field of 64 bits, signed or not. */
export function writeVarint64(writer: Writer, value: bigint): void {
  const bits = BigInt.asUintN(64, value);
  // The shape of long.js, which protobufjs takes instead of a bigint.
  writer.uint64({
    low: Number(bits & 0xffff_ffffn) | 0,
    high: Number(bits >> 32n) | 0,
    unsigned: true,
  });
}

/** Runs a decoder; what it throws about malformed bytes becomes an error of ours. */
export function decodeMessage<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DnnScalerError) throw error;
    throw invalidArgument(what, 'must be a valid message', toDnnScalerError(error).message);
  }
}
