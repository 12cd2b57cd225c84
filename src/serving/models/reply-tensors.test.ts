import { describe, expect, it } from 'vitest';
import type { TensorLayout } from '../../engines/onnx/model-layout.ts';
import type { Row } from '../../tensor/row.ts';
import { checkRequestedOutputs, replyTensors } from './reply-tensors.ts';

const scores: TensorLayout = { name: 'scores', datatype: 'FP32', dims: [3], batched: true };
const names: TensorLayout = { name: 'names', datatype: 'BYTES', dims: [1], batched: true };

const replies: readonly Row[] = [
  [
    { data: new Float32Array([0.5, 2, 1]), dims: [3] },
    { data: ['a'], dims: [1] },
  ],
  [
    { data: new Float32Array([Number.NaN, -1, -1]), dims: [3] },
    { data: ['é'], dims: [1] },
  ],
];

const text = (data: unknown): string[] =>
  (data as Uint8Array[]).map((bytes) => new TextDecoder().decode(bytes));

describe('replyTensors', () => {
  it('joins the rows of all outputs in the order of the model', () => {
    const [first, second] = replyTensors([scores, names], replies, [], []);
    expect(first).toEqual({
      name: 'scores',
      datatype: 'FP32',
      shape: [2, 3],
      data: new Float32Array([0.5, 2, 1, Number.NaN, -1, -1]),
    });
    expect(second).toMatchObject({ name: 'names', datatype: 'BYTES', shape: [2, 1] });
    expect(text(second?.data)).toEqual(['a', 'é']);
  });

  it('gives what was asked for, and classes by falling value', () => {
    const requested = [{ name: 'scores', classification: 2 }];
    const [classes, ...others] = replyTensors([scores, names], replies, requested, ['x', 'y']);
    expect(others).toEqual([]);
    expect(classes).toMatchObject({ datatype: 'BYTES', shape: [2, 2] });
    expect(text(classes?.data)).toEqual(['2:1:y', '1:2', '-1:1:y', '-1:2']);
  });

  it('gives every class when more are asked for than there are', () => {
    const [classes] = replyTensors([scores], replies, [{ name: 'scores', classification: 9 }], []);
    expect(classes?.shape).toEqual([2, 3]);
  });

  it('refuses to join rows of different shapes', () => {
    const uneven: Row[] = [
      [{ data: new Float32Array(2), dims: [2] }],
      [{ data: new Float32Array(3), dims: [3] }],
    ];
    expect(() => replyTensors([scores], uneven, [], [])).toThrow(/one by one/);
  });
});

describe('checkRequestedOutputs', () => {
  it('refuses unknown outputs, repeated ones, and classes of text', () => {
    expect(() => checkRequestedOutputs([scores], [{ name: 'z' }])).toThrow(/\(scores\).*"z"/);
    expect(() => checkRequestedOutputs([scores], [{ name: 'scores' }, { name: 'scores' }])).toThrow(
      /once/,
    );
    expect(() => checkRequestedOutputs([names], [{ name: 'names', classification: 1 }])).toThrow(
      /needs numbers/,
    );
  });
});
