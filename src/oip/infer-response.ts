import { invalidValue } from './invalid-value.ts';
import type { InferResponse } from './data-plane.ts';
import type { OutputForm } from './output-form.ts';
import { asObject, asParameters, decodeJson, optionalString } from './json-fields.ts';
import { parametersToJson } from './json-text.ts';
import type { EncodedMessage } from './message.ts';
import { splitMessage, toMessage } from './message.ts';
import { decodeTensorHeads, encodeTensors, withData } from './tensor-list.ts';
import type { WireLimits } from './wire-limits.ts';
import { defaultWireLimits } from './wire-limits.ts';

/**
 * Writes the body of an HTTP inference response. Binary data are views of the outputs, which must
 * stay unchanged until the message has been sent.
 *
 * @throws DnnScalerError `invalid-argument` when the client asked for JSON and an output is FP16,
 *   BF16, or BYTES that are no UTF-8
 */
export function encodeInferResponse(response: InferResponse, form: OutputForm): EncodedMessage {
  const outputs = encodeTensors(
    response.outputs,
    (name) => form.binaryOf.get(name) ?? form.binaryByDefault,
  );
  const members = [`"model_name":${JSON.stringify(response.modelName)}`];
  if (response.modelVersion !== '') {
    members.push(`"model_version":${JSON.stringify(response.modelVersion)}`);
  }
  if (response.id !== undefined) members.push(`"id":${JSON.stringify(response.id)}`);
  if (response.parameters !== undefined && Object.keys(response.parameters).length > 0) {
    members.push(`"parameters":${parametersToJson(response.parameters)}`);
  }
  members.push(`"outputs":${outputs.json}`);
  return toMessage(`{${members.join(',')}}`, outputs.binary);
}

/**
 * Reads the body of an HTTP inference response. Tensors of numbers are views of `body` where its
 * address allows it.
 *
 * @param jsonBytes the `Inference-Header-Content-Length` header; undefined without one
 * @throws DnnScalerError `invalid-argument` for anything malformed
 */
export function decodeInferResponse(
  body: Uint8Array,
  jsonBytes?: number,
  limits: WireLimits = defaultWireLimits,
): InferResponse {
  const { json, binary } = splitMessage(body, jsonBytes, limits);
  return decodeJson(json, (value, numbers) => {
    const message = asObject('the response', value);
    const modelName = optionalString('model_name', message.model_name);
    if (modelName === undefined) throw invalidValue('model_name', 'must be given', undefined);
    const id = optionalString('id', message.id);
    return {
      modelName,
      modelVersion: optionalString('model_version', message.model_version) ?? '',
      ...(id === undefined ? {} : { id }),
      ...(message.parameters === undefined
        ? {}
        : { parameters: asParameters('parameters', message.parameters, numbers) }),
      outputs: withData(
        'output',
        decodeTensorHeads('output', message.outputs, numbers, limits),
        binary,
      ),
    };
  });
}
