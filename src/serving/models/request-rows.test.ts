import { describe, expect, it } from 'vitest';
import type { InputTensorLayout } from '../../engines/onnx/model-layout.ts';
import type { WireTensor } from '../../oip/tensor.ts';
import { rowsOf } from './request-rows.ts';

const x: InputTensorLayout = {
  name: 'x',
  datatype: 'FP32',
  dims: [2],
  declaredDims: [2],
  batched: true,
};
const length: InputTensorLayout = {
  name: 'length',
  datatype: 'INT64',
  dims: [],
  declaredDims: [],
  batched: true,
};
const text: InputTensorLayout = {
  name: 'text',
  datatype: 'BYTES',
  dims: [3],
  declaredDims: [-1],
  batched: true,
};
const whole: InputTensorLayout = {
  name: 'w',
  datatype: 'FP32',
  dims: [2, 2],
  declaredDims: [2, 2],
  batched: false,
};

function floats(shape: readonly number[], ...values: number[]): WireTensor {
  return { name: 'x', datatype: 'FP32', shape, data: new Float32Array(values) };
}

const lengths: WireTensor = {
  name: 'length',
  datatype: 'INT64',
  shape: [2],
  data: new BigInt64Array([7n, 8n]),
};

describe('rowsOf', () => {
  it('cuts tensors along the batch, in the order of the model', () => {
    const rows = rowsOf([x, length], [lengths, floats([2, 2], 1, 2, 3, 4)]);
    expect(rows).toEqual([
      [
        { data: new Float32Array([1, 2]), dims: [2] },
        { data: new BigInt64Array([7n]), dims: [] },
      ],
      [
        { data: new Float32Array([3, 4]), dims: [2] },
        { data: new BigInt64Array([8n]), dims: [] },
      ],
    ]);
  });

  it('views numbers without copying them', () => {
    const tensor = floats([2, 2], 1, 2, 3, 4);
    const [, second] = rowsOf([x], [tensor]);
    expect((second?.[0]?.data as Float32Array).buffer).toBe((tensor.data as Float32Array).buffer);
  });

  it('takes any size where the model leaves it open, and text as UTF-8', () => {
    const data = ['a', 'é', '', '日本'].map((each) => new TextEncoder().encode(each));
    const rows = rowsOf([text], [{ name: 'text', datatype: 'BYTES', shape: [2, 2], data }]);
    expect(rows.map((row) => row[0]?.data)).toEqual([
      ['a', 'é'],
      ['', '日本'],
    ]);
  });

  it('carries inputs without a batch whole, as one row', () => {
    const tensor = { ...floats([2, 2], 1, 2, 3, 4), name: 'w' };
    expect(rowsOf([whole], [tensor])).toEqual([[{ data: tensor.data, dims: [2, 2] }]]);
  });

  it.each<[string, InputTensorLayout[], WireTensor[], RegExp]>([
    ['an unknown input', [x], [{ ...floats([1, 2], 1, 2), name: 'z' }], /model's \(x\).*"z"/],
    ['a missing input', [x, length], [floats([1, 2], 1, 2)], /length must be given/],
    ['a repeated input', [x], [floats([1, 2], 1, 2), floats([1, 2], 1, 2)], /given once/],
    ['another type', [length], [{ ...floats([1], 1), name: 'length' }], /INT64.*FP32/],
    ['no batch dimension', [x], [floats([2], 1, 2)], /\[rows, 2\], with at least 1 row/],
    ['no rows', [x], [floats([0, 2])], /at least 1 row/],
    // Before there is an object for each of them.
    ['too many rows', [x], [floats([2 ** 32, 0])], /at most 8192 rows/],
    ['other dimensions', [x], [floats([1, 3], 1, 2, 3)], /shape \[2\].*\[3\]/],
    ['other numbers of rows', [x, length], [floats([1, 2], 1, 2), lengths], /as many rows.*2/],
  ])('refuses %s', (_, layouts, tensors, message) => {
    expect(() => rowsOf(layouts, tensors)).toThrow(message);
  });

  it('refuses bytes that are no text, and BF16', () => {
    const bad = {
      name: 'text',
      datatype: 'BYTES' as const,
      shape: [1, 1],
      data: [new Uint8Array([255])],
    };
    expect(() => rowsOf([text], [bad])).toThrow(/UTF-8/);
    const bf16 = { name: 'x', datatype: 'BF16' as const, shape: [1, 2], data: new Uint16Array(2) };
    expect(() => rowsOf([x], [bf16])).toThrow(/BF16/);
  });
});
