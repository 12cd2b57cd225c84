import { invalidValue } from './invalid-value.ts';
import { arrays } from '../tensor/dtype.ts';
import type { WireDatatype } from './tensor.ts';

/** Bounds on what one message may describe, whatever protocol carries it. */
export interface WireLimits {
  /** Tensors in a message. Default 1,024. */
  readonly maxTensors: number;
  /** Characters of a tensor's name. Default 1,024. */
  readonly maxNameLength: number;
  /** Dimensions of a tensor. Default 32. */
  readonly maxDims: number;
  /** Elements of a tensor of numbers. Default 2^28. */
  readonly maxElements: number;
  /**
   * Elements of a BYTES tensor: each costs an object of about 100 bytes, and as little as 3 bytes
   * of a message. Default 2^17.
   */
  readonly maxStrings: number;
  /**
   * Bytes of an inference message's JSON text, which takes up to twenty times as much memory while
   * it is read, and keeps everything else waiting meanwhile: the worst of 4 MiB takes half a second.
   * Binary data do not count. Default 4 MiB, enough for an image of 224x224 in full precision.
   */
  readonly maxJsonBytes: number;
}

export const defaultWireLimits: WireLimits = {
  maxTensors: 1024,
  maxNameLength: 1024,
  maxDims: 32,
  maxElements: 2 ** 28,
  maxStrings: 2 ** 17,
  maxJsonBytes: 4 * 2 ** 20,
};

/** Parameters of one request, tensor or output: bounds what a message full of them makes of memory. */
export const maxParameters = 1024;

/** @throws DnnScalerError `invalid-argument` for a name that is no type of the protocol */
export function checkDatatype(what: string, datatype: unknown): WireDatatype {
  if (typeof datatype === 'string') {
    if (datatype === 'BYTES' || datatype === 'BF16' || Object.hasOwn(arrays, datatype)) {
      return datatype as WireDatatype;
    }
  }
  throw invalidValue(
    `datatype of ${what}`,
    `must be one of ${Object.keys(arrays).join(', ')}, BF16, BYTES`,
    datatype,
  );
}

/**
 * The number of elements in a tensor of this shape; 1 for a scalar.
 *
 * @throws DnnScalerError `invalid-argument` unless every dimension is a non-negative integer and
 *   their number and product are within the limits
 */
export function checkShape(
  what: string,
  datatype: WireDatatype,
  shape: readonly number[],
  limits: WireLimits,
): number {
  if (shape.length > limits.maxDims) {
    throw invalidValue(`shape of ${what}`, `must have at most ${limits.maxDims} dimensions`, shape);
  }
  let count = 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw invalidValue(`shape of ${what}`, 'must hold non-negative integers', shape);
    }
    count *= dim;
  }
  const most = datatype === 'BYTES' ? limits.maxStrings : limits.maxElements;
  // NaN (0 times infinity) is refused too.
  if (!(count <= most)) {
    throw invalidValue(`shape of ${what}`, `must have at most ${most} elements`, shape);
  }
  return count;
}

/** @throws DnnScalerError `invalid-argument` unless it is a non-empty string within the limits */
export function checkTensorName(what: string, name: unknown, limits: WireLimits): string {
  if (typeof name !== 'string' || name === '' || name.length > limits.maxNameLength) {
    const rule = `must be a non-empty string of at most ${limits.maxNameLength} characters`;
    throw invalidValue(`name of ${what}`, rule, name);
  }
  return name;
}

/**
 * Refuses names that could leave a model repository's folder or hide in a log. What exists is for
 * the data plane to say.
 *
 * @throws DnnScalerError `invalid-argument`
 */
export function checkModelName(name: string): string {
  // eslint-disable-next-line no-control-regex
  if (!/^[^/\\\u0000-\u001f\u007f]{1,255}$/u.test(name) || name === '.' || name === '..') {
    const rule = 'must have 1 to 255 characters, no slash, backslash or control character';
    throw invalidValue('the model name', rule, name);
  }
  return name;
}
