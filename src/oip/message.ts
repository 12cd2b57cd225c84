import { invalidValue } from './invalid-value.ts';
import type { EncodedTensors } from './tensor-list.ts';
import type { WireLimits } from './wire-limits.ts';

/** A message of the HTTP protocol: JSON text, and what binary data follows it. */
export interface EncodedMessage {
  /** One after the other, the bytes to send; the first is the JSON text. */
  readonly parts: readonly Uint8Array[];
  /** Of all parts. */
  readonly byteLength: number;
  /** For the `Inference-Header-Content-Length` header; undefined when all is JSON. */
  readonly jsonBytes: number | undefined;
}

/** @param json the whole JSON text, that of the tensors included */
export function toMessage(json: string, binary: EncodedTensors['binary']): EncodedMessage {
  const text = Buffer.from(json);
  let byteLength = text.byteLength;
  for (const bytes of binary) byteLength += bytes.byteLength;
  const jsonBytes = binary.length > 0 ? text.byteLength : undefined;
  return { parts: [text, ...binary], byteLength, jsonBytes };
}

/** A message cut at the end of its JSON text; `binary` is undefined when all is JSON. */
export interface SplitMessage {
  readonly json: Uint8Array;
  readonly binary: Uint8Array | undefined;
}

/**
 * @param jsonBytes value of the `Inference-Header-Content-Length` header, undefined without one
 * @throws DnnScalerError `invalid-argument` when that is more than the body holds, or the JSON text
 *   is longer than its limit
 */
export function splitMessage(
  body: Uint8Array,
  jsonBytes: number | undefined,
  limits: WireLimits,
): SplitMessage {
  const textBytes = jsonBytes ?? body.byteLength;
  if (textBytes > limits.maxJsonBytes) {
    const rule = `must have at most ${limits.maxJsonBytes} bytes (send large tensors as binary data)`;
    throw invalidValue('the JSON text', rule, textBytes);
  }
  if (jsonBytes === undefined) return { json: body, binary: undefined };
  if (jsonBytes > body.byteLength) {
    const rule = `must be at most the ${body.byteLength} bytes of the body`;
    throw invalidValue('Inference-Header-Content-Length', rule, jsonBytes);
  }
  return {
    json: new Uint8Array(body.buffer, body.byteOffset, jsonBytes),
    binary: new Uint8Array(body.buffer, body.byteOffset + jsonBytes, body.byteLength - jsonBytes),
  };
}

/**
 * Reads the `Inference-Header-Content-Length` header.
 *
 * @throws DnnScalerError `invalid-argument` unless it is a decimal integer
 */
export function parseHeaderLength(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  const rule = 'must be a non-negative integer';
  throw invalidValue('Inference-Header-Content-Length', rule, value);
}
