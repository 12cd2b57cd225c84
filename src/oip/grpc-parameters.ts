import type { Reader, Writer } from 'protobufjs/light.js';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import type { ParameterValue, Parameters } from './data-plane.ts';
import {
  fieldTag,
  narrow,
  readEnd,
  readFields,
  readVarint64,
  wireType,
  writeVarint64,
} from './grpc-wire.ts';
import { maxParameters } from './wire-limits.ts';

const entryKey = fieldTag(1, wireType.lengthDelimited);
const entryValue = fieldTag(2, wireType.lengthDelimited);

const boolParam = fieldTag(1, wireType.varint);
const int64Param = fieldTag(2, wireType.varint);
const stringParam = fieldTag(3, wireType.lengthDelimited);
const doubleParam = fieldTag(4, wireType.fixed64);
const uint64Param = fieldTag(5, wireType.varint);

/** The entries of a `map<string, InferParameter>` as they are read; a later one replaces. */
export type ParameterMap = Map<string, ParameterValue>;

/**
 * Reads one entry of a `map<string, InferParameter>` into `into`.
 *
 * @param what whose parameters, for messages
 * @throws DnnScalerError `invalid-argument` for a parameter without a value, and for too many
 */
export function readParameter(
  what: string,
  reader: Reader,
  messageEnd: number,
  into: ParameterMap,
): void {
  let key = '';
  let value: ParameterValue | undefined;
  const end = readEnd(reader, messageEnd);
  readFields(reader, end, (tag) => {
    if (tag === entryKey) key = reader.string();
    else if (tag === entryValue) value = readValue(reader, end);
    else return false;
    return true;
  });
  if (value === undefined) {
    const rule = 'must have a bool_param, int64_param, string_param, double_param or uint64_param';
    throw invalidArgument(`parameter "${key}" of ${what}`, rule, 'none of them');
  }
  into.set(key, value);
  if (into.size > maxParameters) {
    throw invalidArgument(`parameters of ${what}`, `must be at most ${maxParameters}`, into.size);
  }
}

function readValue(reader: Reader, entryEnd: number): ParameterValue | undefined {
  let value: ParameterValue | undefined;
  readFields(reader, readEnd(reader, entryEnd), (tag) => {
    if (tag === boolParam) value = reader.bool();
    else if (tag === int64Param) value = narrow(BigInt.asIntN(64, readVarint64(reader)));
    else if (tag === stringParam) value = reader.string();
    else if (tag === doubleParam) value = reader.double();
    else if (tag === uint64Param) value = narrow(readVarint64(reader));
    else return false;
    return true;
  });
  return value;
}

/**
 * Writes a `map<string, InferParameter>`. Integers go as `int64_param` (as `uint64_param` above its
 * range), other numbers as `double_param`.
 *
 * @param field the number of the map's field
 * @throws DnnScalerError `internal` for an integer of more than 64 bits
 */
export function writeParameters(writer: Writer, field: number, parameters: Parameters): void {
  for (const [key, value] of Object.entries(parameters)) {
    writer.uint32(fieldTag(field, wireType.lengthDelimited)).fork();
    writer.uint32(entryKey).string(key);
    writer.uint32(entryValue).fork();
    writeValue(writer, key, value);
    writer.ldelim().ldelim();
  }
}

function writeValue(writer: Writer, key: string, value: ParameterValue): void {
  if (typeof value === 'boolean') {
    writer.uint32(boolParam).bool(value);
  } else if (typeof value === 'string') {
    writer.uint32(stringParam).string(value);
  } else if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    writer.uint32(doubleParam).double(value);
  } else {
    const integer = BigInt(value);
    if (integer < -(2n ** 63n) || integer >= 2n ** 64n) {
      throw new DnnScalerError('internal', `parameter "${key}" has more than 64 bits: ${integer}`);
    }
    writer.uint32(integer < 2n ** 63n ? int64Param : uint64Param);
    writeVarint64(writer, integer);
  }
}
