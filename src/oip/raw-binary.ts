import { invalidValue } from './invalid-value.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { ConfigTensor, ModelConfig } from './data-plane.ts';
import type { WireTensor } from './tensor.ts';
import { dataFromBytes, wireElementBytes } from './wire-bytes.ts';
import type { WireLimits } from './wire-limits.ts';
import { checkDatatype, checkShape, defaultWireLimits } from './wire-limits.ts';

/**
 * The input that a raw binary request (`Inference-Header-Content-Length: 0`) consists of: one row
 * for a model with exactly one input, of which at most one dimension is open. For BYTES the body is
 * one element, without a length in front.
 *
 * @throws DnnScalerError `invalid-argument` when the model or the length of the body do not allow it
 */
export function decodeRawBinary(
  config: Pick<ModelConfig, 'name' | 'max_batch_size' | 'input'>,
  body: Uint8Array,
  limits: WireLimits = defaultWireLimits,
): WireTensor {
  const [input] = config.input;
  if (input === undefined || config.input.length !== 1) {
    const rule = `needs exactly one input; model "${config.name}" has`;
    throw invalidValue('a raw binary request', rule, config.input.length);
  }
  const { name } = input;
  const datatype = checkDatatype(`input "${name}"`, wireDatatypeOf(input.data_type));
  const batch = config.max_batch_size > 0 ? [1] : [];
  if (datatype === 'BYTES') {
    const shape = [...batch, ...input.dims.map((dim) => (dim < 0 ? 1 : dim))];
    if (elementCount(shape) === 1) return { name, datatype, shape, data: [body] };
    const rule = 'needs an input of one element when that is BYTES; its shape is';
    throw invalidValue('a raw binary request', rule, input.dims);
  }
  const bytesEach = wireElementBytes(datatype);
  const shape = [...batch, ...closeDims(input, bytesEach, body.byteLength)];
  const what = `input "${name}"`;
  const count = checkShape(what, datatype, shape, limits);
  return { name, datatype, shape, data: dataFromBytes(what, datatype, count, body) };
}

/** The dimensions with the open one, if there is one, made to fit the length of the body. */
function closeDims(input: ConfigTensor, bytesEach: number, bodyBytes: number): readonly number[] {
  const open = input.dims.filter((dim) => dim < 0).length;
  if (open === 0) return input.dims;
  const rowBytes = elementCount(input.dims.filter((dim) => dim >= 0)) * bytesEach;
  if (open > 1 || rowBytes === 0) {
    const rule = 'needs an input with at most one open dimension; its shape is';
    throw invalidValue('a raw binary request', rule, input.dims);
  }
  if (bodyBytes % rowBytes !== 0) {
    const rule = `must have a multiple of ${rowBytes} bytes for input "${input.name}"`;
    throw invalidValue('the body of a raw binary request', rule, bodyBytes);
  }
  return input.dims.map((dim) => (dim < 0 ? bodyBytes / rowBytes : dim));
}

/** `FP32` from Triton's `TYPE_FP32`; `TYPE_STRING` is BYTES. */
function wireDatatypeOf(configType: string): string {
  return configType === 'TYPE_STRING' ? 'BYTES' : configType.replace(/^TYPE_/, '');
}
