import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { InferRequest, InferResponse } from '../data-plane.ts';
import { encodeInferRequest } from '../infer-request.ts';
import { decodeInferResponse } from '../infer-response.ts';
import { parseHeaderLength } from '../message.ts';
import { defaultWireLimits } from '../wire-limits.ts';
import type { HttpAnswer } from './http-exchange.ts';

/** How tensors travel, both ways: as binary data after the JSON text, or inside it. */
export type TensorEncoding = 'binary' | 'json';

/** What a client says of a request in its body; the model is in the path. */
export type InferContent = Pick<InferRequest, 'inputs'> &
  Partial<Pick<InferRequest, 'id' | 'parameters' | 'outputs'>>;

/** A request body, ready to be sent as often as wanted. */
export interface InferMessage {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Encodes an inference request. In `binary`, outputs are asked for in binary too.
 *
 * @throws DnnScalerError `invalid-argument` for data that JSON cannot hold: FP16, BF16, and bytes
 *   that are no UTF-8
 */
export function toInferMessage(content: InferContent, encoding: TensorEncoding): InferMessage {
  const isBinary = encoding === 'binary';
  const { parts, jsonBytes } = encodeInferRequest(
    { modelName: '', modelVersion: '', parameters: {}, outputs: [], ...content },
    { binaryInputs: isBinary, binaryOutputs: isBinary },
  );
  if (jsonBytes === undefined) {
    return { body: Buffer.concat(parts), headers: { 'content-type': 'application/json' } };
  }
  return {
    body: Buffer.concat(parts),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(jsonBytes),
    },
  };
}

/** A client waits for its answer anyway, and chose whom to ask: more than a server reads of anyone. */
const answerLimits = { ...defaultWireLimits, maxJsonBytes: 16 * 2 ** 20 };

/**
 * Decodes a server's answer to an inference request.
 *
 * @throws DnnScalerError `internal` when it is no valid response, saying why
 */
export function fromInferAnswer({ headers, body }: HttpAnswer): InferResponse {
  try {
    const length = headers['inference-header-content-length'];
    return decodeInferResponse(body, parseHeaderLength(length?.toString()), answerLimits);
  } catch (error) {
    const { message } = toDnnScalerError(error);
    throw new DnnScalerError('internal', `the answer is no valid inference response: ${message}`, {
      cause: error,
    });
  }
}
