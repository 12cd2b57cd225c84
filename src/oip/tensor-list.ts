import { DnnScalerError } from '../errors.ts';
import { invalidValue } from './invalid-value.ts';
import { dataToJson } from './json-text.ts';
import { dataFromJson } from './json-data.ts';
import type { JsonNumbers, JsonObject } from './json-fields.ts';
import { asArray, asObject, optionalCount } from './json-fields.ts';
import type { WireTensor } from './tensor.ts';
import { bytesFromData, dataFromBytes } from './wire-bytes.ts';
import type { WireLimits } from './wire-limits.ts';
import { checkDatatype, checkShape, checkTensorName } from './wire-limits.ts';

/** What the JSON text says of a tensor: all of it, or all but the binary data that follow. */
export type TensorHead = WireTensor | BinaryTensorHead;

export interface BinaryTensorHead extends Omit<WireTensor, 'data'> {
  /** Elements. */
  readonly count: number;
  /** Bytes of its data among the binary data. */
  readonly binaryBytes: number;
}

/** Whether nothing of any tensor's data is in the JSON text. */
export function areBinary(heads: readonly TensorHead[]): boolean {
  return heads.every((head) => 'binaryBytes' in head);
}

/**
 * Reads the `inputs` of a request or the `outputs` of a response. Data as JSON are read, too.
 *
 * @param kind `input` or `output`, for messages
 * @throws DnnScalerError `invalid-argument` for anything malformed, and `unsupported` for shared
 *   memory
 */
export function decodeTensorHeads(
  kind: 'input' | 'output',
  list: unknown,
  numbers: JsonNumbers,
  limits: WireLimits,
): TensorHead[] {
  const entries = asArray(`${kind}s`, list);
  if (entries.length > limits.maxTensors) {
    throw invalidValue(`${kind}s`, `must be at most ${limits.maxTensors}`, entries.length);
  }
  const names = new Set<string>();
  return entries.map((entry, index) => {
    const object = asObject(`${kind} ${index}`, entry);
    const name = checkTensorName(`${kind} ${index}`, object.name, limits);
    const what = `${kind} "${name}"`;
    if (names.has(name)) throw invalidValue(what, 'must be given once', name);
    names.add(name);
    const datatype = checkDatatype(what, object.datatype);
    const shape = asArray(`shape of ${what}`, object.shape) as readonly number[];
    const count = checkShape(what, datatype, shape, limits);
    const binaryBytes = binaryDataSize(what, object);
    if (binaryBytes === undefined) {
      const data = dataFromJson(`data of ${what}`, datatype, shape, count, object.data, numbers);
      return { name, datatype, shape, data };
    }
    if (object.data !== undefined) {
      throw invalidValue(what, 'must have either data or binary_data_size', 'both');
    }
    return { name, datatype, shape, count, binaryBytes };
  });
}

/**
 * Gives each tensor its data, from the binary data that follow the JSON text in the order listed.
 *
 * @param binary what follows the JSON text; undefined when the message is JSON as a whole
 * @throws DnnScalerError `invalid-argument` for binary data that are not what the tensors say
 */
export function withData(
  kind: 'input' | 'output',
  heads: readonly TensorHead[],
  binary: Uint8Array | undefined,
): WireTensor[] {
  let offset = 0;
  const tensors = heads.map((head): WireTensor => {
    if (!('binaryBytes' in head)) return head;
    const { name, datatype, shape, count, binaryBytes } = head;
    const what = `${kind} "${name}"`;
    const bytes = takeBytes(what, binary, offset, binaryBytes);
    offset += binaryBytes;
    const data = dataFromBytes(`binary data of ${what}`, datatype, count, bytes);
    return { name, datatype, shape, data };
  });
  if (binary !== undefined && offset !== binary.byteLength) {
    const rule = `must have ${offset} bytes, the sum of every binary_data_size`;
    throw invalidValue('the binary data', rule, binary.byteLength);
  }
  return tensors;
}

function binaryDataSize(what: string, tensor: JsonObject): number | undefined {
  if (tensor.parameters === undefined || tensor.parameters === null) return undefined;
  const parameters = asObject(`parameters of ${what}`, tensor.parameters);
  refuseSharedMemory(what, parameters);
  return optionalCount(`binary_data_size of ${what}`, parameters.binary_data_size, 0);
}

/** @throws DnnScalerError `unsupported` when a tensor lies in memory that the client shares */
export function refuseSharedMemory(what: string, parameters: JsonObject): void {
  if (parameters.shared_memory_region !== undefined) {
    throw new DnnScalerError(
      'unsupported',
      `${what} lies in shared memory, which is not supported`,
    );
  }
}

function takeBytes(
  what: string,
  binary: Uint8Array | undefined,
  offset: number,
  length: number,
): Uint8Array {
  if (binary === undefined) {
    const rule = 'needs the Inference-Header-Content-Length header to say where binary data begins';
    throw invalidValue(`binary_data_size of ${what}`, rule, length);
  }
  if (length > binary.byteLength - offset) {
    const rule = `must be at most the ${binary.byteLength - offset} bytes that are left of the message`;
    throw invalidValue(`binary_data_size of ${what}`, rule, length);
  }
  return new Uint8Array(binary.buffer, binary.byteOffset + offset, length);
}

/** Tensors ready to be sent: the JSON text of their list, and the binary data that follows it. */
export interface EncodedTensors {
  readonly json: string;
  readonly binary: readonly Uint8Array[];
}

/**
 * @param isBinary whether the tensor of this name goes as binary data
 * @throws DnnScalerError `invalid-argument` for data that JSON cannot hold
 */
export function encodeTensors(
  tensors: readonly WireTensor[],
  isBinary: (name: string) => boolean,
): EncodedTensors {
  const binary: Uint8Array[] = [];
  const entries = tensors.map((tensor) => {
    const { name, datatype, shape, data } = tensor;
    const head = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
    if (!isBinary(name)) return `${head},"data":${dataToJson(tensor)}}`;
    const bytes = bytesFromData(data);
    binary.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  });
  return { json: `[${entries.join(',')}]`, binary };
}
