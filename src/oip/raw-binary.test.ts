import { describe, expect, it } from 'vitest';
import { decodeRawBinary } from './raw-binary.ts';

function decode(
  data_type: string,
  dims: number[],
  bytes: number,
  max_batch_size = 8,
): { shape: readonly number[]; length: number } {
  const config = { name: 'm', max_batch_size, input: [{ name: 'x', data_type, dims }] };
  const { name, shape, data } = decodeRawBinary(config, new Uint8Array(bytes));
  expect(name).toBe('x');
  return { shape, length: data.length };
}

describe('a raw binary request', () => {
  it('is one row with its open dimension closed', () => {
    expect(decode('TYPE_FP32', [3, -1], 24)).toEqual({ shape: [1, 3, 2], length: 6 });
    expect(decode('TYPE_FP32', [2, 3], 24)).toEqual({ shape: [1, 2, 3], length: 6 });
    expect(decode('TYPE_INT8', [-1], 5, 0)).toEqual({ shape: [5], length: 5 });
  });

  it('is one element when the input is BYTES', () => {
    expect(decode('TYPE_STRING', [1], 9)).toEqual({ shape: [1, 1], length: 1 });
    expect(decode('TYPE_STRING', [-1], 9, 0)).toEqual({ shape: [1], length: 1 });
    expect(() => decode('TYPE_STRING', [2], 9)).toThrow(/input of one element/);
  });

  it.each([
    [[-1, -1], 24, /at most one open dimension/],
    [[0, -1], 24, /at most one open dimension/],
    [[3, -1], 20, /multiple of 12 bytes/],
    [[2, 3], 20, /must have 24 bytes for 6 elements/],
  ])('of shape %j and %d bytes is refused', (dims, bytes, message) => {
    expect(() => decode('TYPE_FP32', dims, bytes)).toThrow(message);
  });

  it('needs a model with one input', () => {
    const input = { name: 'x', data_type: 'TYPE_FP32', dims: [1] };
    const config = { name: 'm', max_batch_size: 8, input: [input, { ...input, name: 'y' }] };
    expect(() => decodeRawBinary(config, new Uint8Array(4))).toThrow(/exactly one input/);
    expect(() => decodeRawBinary({ ...config, input: [] }, new Uint8Array(4))).toThrow(/one input/);
  });
});
