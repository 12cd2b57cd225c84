import { describe, expect, it } from 'vitest';
import { floats } from './testing/driver.ts';
import { validateRow } from './validate-row.ts';

const signature = {
  inputs: [
    { name: 'image', datatype: 'FP32', dims: [3, 2] },
    { name: 'ids', datatype: 'INT64', dims: [2] },
    { name: 'text', datatype: 'BYTES', dims: [] },
  ],
} as const;
const image = floats([1, 2, 3, 4, 5, 6], [3, 2]);
const ids = { data: BigInt64Array.of(1n, 2n), dims: [2] };
const text = { data: ['hello'], dims: [] };

describe('validateRow', () => {
  it('takes a row that fits', () => {
    expect(() => validateRow(signature, [image, ids, text])).not.toThrow();
  });

  it.each([
    ['too few tensors', [image, ids], 'a row must hold a tensor for each input (image, ids, text)'],
    [
      'another type',
      [image, { data: Int32Array.of(1, 2), dims: [2] }, text],
      'input ids must be a BigInt64Array (INT64); received "Int32Array"',
    ],
    [
      'numbers for text',
      [image, ids, floats([1], [])],
      'input text must be an array of strings (BYTES); received "Float32Array"',
    ],
    [
      'axes in another order',
      [floats([1, 2, 3, 4, 5, 6], [2, 3]), ids, text],
      'input image must have the shape [3, 2] in each row; received [2,3]',
    ],
    [
      'a batch dimension',
      [floats([1, 2, 3, 4, 5, 6], [1, 3, 2]), ids, text],
      'input image must have the shape [3, 2] in each row; received [1,3,2]',
    ],
    [
      'too few elements',
      [floats([1, 2], [3, 2]), ids, text],
      'input image must have 6 elements in each row; received 2',
    ],
  ])('refuses %s', (_, row, message) => {
    expect(() => validateRow(signature, row)).toThrow(message);
  });
});
