import { invalidValue } from './invalid-value.ts';
import type { InferRequest, Parameters, RequestedOutput } from './data-plane.ts';
import type { JsonNumbers } from './json-fields.ts';
import {
  asArray,
  asObject,
  asParameters,
  decodeJson,
  optionalBoolean,
  optionalCount,
  optionalString,
} from './json-fields.ts';
import { parametersToJson } from './json-text.ts';
import type { EncodedMessage } from './message.ts';
import { splitMessage, toMessage } from './message.ts';
import type { OutputForm } from './output-form.ts';
import type { RequestHead, RequestHeads } from './request-heads.ts';
import { decodeTensorHeads, encodeTensors, refuseSharedMemory, withData } from './tensor-list.ts';
import type { WireLimits } from './wire-limits.ts';
import { checkTensorName, defaultWireLimits } from './wire-limits.ts';

export interface DecodedRequest {
  readonly request: InferRequest;
  readonly outputForm: OutputForm;
}

/**
 * Reads the body of an HTTP inference request, in JSON or with the binary tensor extension.
 * Tensors of numbers are views of `body` where its address allows it, so it must stay unchanged
 * until the request is answered.
 *
 * @param model the model's name and version, which the URL holds
 * @param jsonBytes the `Inference-Header-Content-Length` header, not 0; undefined without one
 * @param heads of earlier requests, under the same limits; default: none are remembered
 * @throws DnnScalerError `invalid-argument` for anything malformed, and `unsupported` for shared
 *   memory
 */
export function decodeInferRequest(
  model: Pick<InferRequest, 'modelName' | 'modelVersion'>,
  body: Uint8Array,
  jsonBytes?: number,
  limits: WireLimits = defaultWireLimits,
  heads?: RequestHeads,
): DecodedRequest {
  const { json, binary } = splitMessage(body, jsonBytes, limits);
  const decode = (): RequestHead => decodeHead(json, limits);
  const { id, parameters, inputs, outputs, outputForm } = heads?.of(json, decode) ?? decode();
  const request: InferRequest = {
    modelName: model.modelName,
    modelVersion: model.modelVersion,
    ...(id === undefined ? {} : { id }),
    parameters,
    inputs: withData('input', inputs, binary),
    outputs,
  };
  return { request, outputForm };
}

function decodeHead(json: Uint8Array, limits: WireLimits): RequestHead {
  return decodeJson(json, (value, numbers) => {
    const message = asObject('the request', value);
    const id = optionalString('id', message.id);
    const { binary_data_output: binaryOutput, ...parameters } = asParameters(
      'parameters',
      message.parameters,
      numbers,
    );
    const binaryOf = new Map<string, boolean>();
    const inputs = decodeTensorHeads('input', message.inputs, numbers, limits);
    const outputs = decodeOutputs(message.outputs, binaryOf, numbers, limits);
    const binaryByDefault = optionalBoolean('binary_data_output', binaryOutput) ?? false;
    return { id, parameters, inputs, outputs, outputForm: { binaryByDefault, binaryOf } };
  });
}

function decodeOutputs(
  list: unknown,
  binaryOf: Map<string, boolean>,
  numbers: JsonNumbers,
  limits: WireLimits,
): RequestedOutput[] {
  if (list === undefined || list === null) return [];
  const entries = asArray('outputs', list);
  if (entries.length > limits.maxTensors) {
    throw invalidValue('outputs', `must be at most ${limits.maxTensors}`, entries.length);
  }
  const names = new Set<string>();
  return entries.map((entry, index) => {
    const object = asObject(`output ${index}`, entry);
    const name = checkTensorName(`output ${index}`, object.name, limits);
    const what = `output "${name}"`;
    if (names.has(name)) throw invalidValue(what, 'must be asked for once', name);
    names.add(name);
    const parameters = asParameters(`parameters of ${what}`, object.parameters, numbers);
    refuseSharedMemory(what, parameters);
    const binary = optionalBoolean(`binary_data of ${what}`, parameters.binary_data);
    if (binary !== undefined) binaryOf.set(name, binary);
    const classes = optionalCount(`classification of ${what}`, parameters.classification, 0);
    // 0 is what clients send for "none".
    return classes === undefined || classes === 0 ? { name } : { name, classification: classes };
  });
}

/** How a client sends its request. */
export interface RequestEncoding {
  /** Inputs as binary data; else as JSON. */
  readonly binaryInputs: boolean;
  /** Ask for the outputs as binary data. */
  readonly binaryOutputs: boolean;
}

/**
 * Writes the body of an HTTP inference request.
 *
 * @throws DnnScalerError `invalid-argument` for data that JSON cannot hold
 */
export function encodeInferRequest(
  request: InferRequest,
  encoding: RequestEncoding,
): EncodedMessage {
  const inputs = encodeTensors(request.inputs, () => encoding.binaryInputs);
  const parameters: Parameters = encoding.binaryOutputs
    ? { ...request.parameters, binary_data_output: true }
    : request.parameters;
  const members = [`"inputs":${inputs.json}`];
  if (request.id !== undefined) members.unshift(`"id":${JSON.stringify(request.id)}`);
  if (Object.keys(parameters).length > 0) {
    members.push(`"parameters":${parametersToJson(parameters)}`);
  }
  if (request.outputs.length > 0) {
    const outputs = request.outputs.map(({ name, classification }) => ({
      name,
      parameters: classification === undefined ? undefined : { classification },
    }));
    members.push(`"outputs":${JSON.stringify(outputs)}`);
  }
  return toMessage(`{${members.join(',')}}`, inputs.binary);
}
