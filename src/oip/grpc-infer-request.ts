import { Reader } from 'protobufjs/light.js';
import { invalidArgument } from '../errors.ts';
import type { InferRequest, ParameterValue, RequestedOutput } from './data-plane.ts';
import type { ParameterMap } from './grpc-parameters.ts';
import { readParameter } from './grpc-parameters.ts';
import { readContents } from './grpc-typed-contents.ts';
import type { ByteRange } from './grpc-wire.ts';
import {
  decodeMessage,
  fieldTag,
  readEnd,
  readFields,
  readRange,
  readVarint64,
  wireType,
} from './grpc-wire.ts';
import type { WireDatatype, WireTensor } from './tensor.ts';
import { refuseSharedMemory } from './tensor-list.ts';
import { dataFromBytes, wireElementBytes } from './wire-bytes.ts';
import type { WireLimits } from './wire-limits.ts';
import {
  checkDatatype,
  checkModelName,
  checkShape,
  checkTensorName,
  defaultWireLimits,
} from './wire-limits.ts';

const { varint, lengthDelimited } = wireType;

const modelName = fieldTag(1, lengthDelimited);
const modelVersion = fieldTag(2, lengthDelimited);
const requestId = fieldTag(3, lengthDelimited);
const requestParameters = fieldTag(4, lengthDelimited);
const requestInputs = fieldTag(5, lengthDelimited);
const requestOutputs = fieldTag(6, lengthDelimited);
const rawInputContents = fieldTag(7, lengthDelimited);

const tensorName = fieldTag(1, lengthDelimited);
const tensorDatatype = fieldTag(2, lengthDelimited);
const tensorShapePacked = fieldTag(3, lengthDelimited);
const tensorShapeOne = fieldTag(3, varint);
const tensorParameters = fieldTag(4, lengthDelimited);
const tensorContents = fieldTag(5, lengthDelimited);

const outputName = fieldTag(1, lengthDelimited);
const outputParameters = fieldTag(2, lengthDelimited);

/** An input as it stands in the message, its elements not yet read. */
interface InputHead {
  readonly name: string;
  readonly datatype: WireDatatype;
  readonly shape: readonly number[];
  readonly count: number;
  readonly contents: readonly ByteRange[];
}

/**
 * Reads a `ModelInferRequest`.
 *
 * Takes `message` over: tensors are views of its memory, and raw ones that do not lie on a multiple
 * of their element size are moved down to one in place, over bytes that have been read. So it can be
 * read once only, and must stay unchanged until the request is answered.
 *
 * @throws DnnScalerError `invalid-argument` for anything malformed, and `unsupported` for shared
 *   memory
 */
export function decodeGrpcInferRequest(
  message: Uint8Array,
  limits: WireLimits = defaultWireLimits,
): InferRequest {
  return decodeMessage('the ModelInferRequest', () => decode(message, limits));
}

function decode(message: Uint8Array, limits: WireLimits): InferRequest {
  const reader = Reader.create(message);
  const end = message.byteLength;
  let name = '';
  let version = '';
  let id = '';
  const parameters: ParameterMap = new Map();
  const inputs: InputHead[] = [];
  const outputs: RequestedOutput[] = [];
  const raw: ByteRange[] = [];
  const checkRoom = (what: string, list: readonly unknown[]): void => {
    if (list.length < limits.maxTensors) return;
    throw invalidArgument(what, `must be at most ${limits.maxTensors}`, 'more');
  };
  readFields(reader, end, (tag) => {
    switch (tag) {
      case modelName:
        name = reader.string();
        return true;
      case modelVersion:
        version = reader.string();
        return true;
      case requestId:
        id = reader.string();
        return true;
      case requestParameters:
        readParameter('the request', reader, end, parameters);
        return true;
      case requestInputs:
        checkRoom('inputs', inputs);
        inputs.push(readInput(reader, readEnd(reader, end), inputs.length, limits));
        return true;
      case requestOutputs:
        checkRoom('outputs', outputs);
        outputs.push(readOutput(reader, readEnd(reader, end), outputs.length, limits));
        return true;
      case rawInputContents:
        checkRoom('raw_input_contents', raw);
        raw.push(readRange(reader, end));
        return true;
      default:
        return false;
    }
  });
  checkNames('input', inputs);
  checkNames('output', outputs);
  return {
    modelName: checkModelName(name),
    modelVersion: version,
    ...(id === '' ? {} : { id }),
    parameters: Object.fromEntries(parameters),
    inputs: raw.length > 0 ? readRawInputs(message, inputs, raw) : readTypedInputs(reader, inputs),
    outputs,
  };
}

function checkNames(kind: string, list: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const { name } of list) {
    if (names.has(name)) throw invalidArgument(`${kind} "${name}"`, 'must be given once', name);
    names.add(name);
  }
}

function readInput(reader: Reader, end: number, index: number, limits: WireLimits): InputHead {
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  const parameters: ParameterMap = new Map();
  const contents: ByteRange[] = [];
  const readDim = (): void => {
    if (shape.length >= limits.maxDims) {
      const rule = `must have at most ${limits.maxDims} dimensions`;
      throw invalidArgument(`shape of input ${index}`, rule, 'more');
    }
    shape.push(Number(BigInt.asIntN(64, readVarint64(reader))));
  };
  readFields(reader, end, (tag) => {
    switch (tag) {
      case tensorName:
        name = reader.string();
        return true;
      case tensorDatatype:
        datatype = reader.string();
        return true;
      case tensorShapePacked: {
        const shapeEnd = readEnd(reader, end);
        while (reader.pos < shapeEnd) readDim();
        return true;
      }
      case tensorShapeOne:
        readDim();
        return true;
      case tensorParameters:
        readParameter(`input ${index}`, reader, end, parameters);
        return true;
      case tensorContents:
        if (contents.length >= limits.maxTensors) {
          const rule = `must come in at most ${limits.maxTensors} pieces`;
          throw invalidArgument(`contents of input ${index}`, rule, 'more');
        }
        contents.push(readRange(reader, end));
        return true;
      default:
        return false;
    }
  });
  checkTensorName(`input ${index}`, name, limits);
  const what = `input "${name}"`;
  refuseSharedMemory(what, Object.fromEntries(parameters));
  const type = checkDatatype(what, datatype);
  return {
    name,
    datatype: type,
    shape,
    count: checkShape(what, type, shape, limits),
    contents,
  };
}

function readOutput(
  reader: Reader,
  end: number,
  index: number,
  limits: WireLimits,
): RequestedOutput {
  let name = '';
  const parameters: ParameterMap = new Map();
  readFields(reader, end, (tag) => {
    if (tag === outputName) name = reader.string();
    else if (tag === outputParameters) {
      readParameter(`output ${index}`, reader, end, parameters);
    } else return false;
    return true;
  });
  checkTensorName(`output ${index}`, name, limits);
  const what = `output "${name}"`;
  refuseSharedMemory(what, Object.fromEntries(parameters));
  const classes = readClassification(what, parameters.get('classification'));
  return classes === 0 ? { name } : { name, classification: classes };
}

/** 0 is what clients send for "none". */
function readClassification(what: string, value: ParameterValue | undefined): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidArgument(`classification of ${what}`, 'must be a non-negative integer', value);
}

function readTypedInputs(reader: Reader, inputs: readonly InputHead[]): WireTensor[] {
  return inputs.map(({ name, datatype, shape, count, contents }) => ({
    name,
    datatype,
    shape,
    data: readContents(`input "${name}"`, reader, contents, datatype, count),
  }));
}

function readRawInputs(
  message: Uint8Array,
  inputs: readonly InputHead[],
  raw: readonly ByteRange[],
): WireTensor[] {
  if (raw.length !== inputs.length) {
    const rule = `must have one entry for each of the ${inputs.length} inputs`;
    throw invalidArgument('raw_input_contents', rule, raw.length);
  }
  let free = 0;
  return inputs.map(({ name, datatype, shape, count, contents }, index) => {
    const what = `input "${name}"`;
    if (contents.length > 0) {
      throw invalidArgument(what, 'must have no contents beside raw_input_contents', 'both');
    }
    const elementBytes = datatype === 'BYTES' ? 1 : wireElementBytes(datatype);
    const range = alignInPlace(message, raw[index] as ByteRange, free, elementBytes);
    free = range.end;
    const bytes = message.subarray(range.start, range.end);
    return {
      name,
      datatype,
      shape,
      data: dataFromBytes(`raw contents of ${what}`, datatype, count, bytes),
    };
  });
}

/**
 * Moves bytes of the message down to the next address that a typed array may begin at, if the bytes
 * from `free` on have no more use. That takes a fifth of the time of a copy into new memory.
 */
function alignInPlace(
  message: Uint8Array,
  range: ByteRange,
  free: number,
  elementBytes: number,
): ByteRange {
  const shift = (message.byteOffset + range.start) % elementBytes;
  const start = range.start - shift;
  if (shift === 0 || start < free) return range;
  message.copyWithin(start, range.start, range.end);
  return { start, end: range.end - shift };
}
