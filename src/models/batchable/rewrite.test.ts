import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { Random } from '../../random.ts';
import { decodeModel } from '../../zoo/onnx/read.ts';
import type { SmallModel } from '../testing/small-models.ts';
import { filled, floats, ints, smallGraph, smallModel } from '../testing/small-models.ts';
import { openBatch } from './rewrite.ts';
import type { Rewritten } from './rewrite.ts';

function fileOf(bytes: Uint8Array): Parameters<typeof openBatch>[0] {
  return { path: 'small.onnx', bytes, model: decodeModel(bytes, 'small.onnx') };
}

function open(model: SmallModel): Rewritten & { bytes: Uint8Array } {
  const rewritten = openBatch(fileOf(smallModel(model)));
  return { ...rewritten, bytes: Buffer.concat(rewritten.pieces) };
}

/** Without the runtime's remarks about constants that are not used any more. */
function load(bytes: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(Buffer.from(bytes), { logSeverityLevel: 4 });
}

const x4 = { x: [1, 4] };
const image = { x: [1, 2, 4, 4] };

/** Models with the batch written out somewhere, by what it is that has to change. */
const fixed: Readonly<Record<string, SmallModel>> = {
  'a Reshape with the batch as a number': {
    inputs: image,
    outputs: { y: [1, 32] },
    constants: { target: ints(1, 32) },
    nodes: [['Reshape', ['x', 'target'], ['y']]],
  },
  'a Reshape with the batch as a number and another place open': {
    inputs: image,
    outputs: { y: [1, 32] },
    constants: { target: ints(1, -1) },
    nodes: [['Reshape', ['x', 'target'], ['y']]],
  },
  'a Reshape to a Constant node, split and merged again': {
    inputs: x4,
    outputs: { y: [1, 4] },
    nodes: [
      ['Constant', [], ['target'], { value: { tensor: ints(1, 2, 2) } }],
      ['Reshape', ['x', 'target'], ['heads']],
      ['Transpose', ['heads'], ['turned'], { perm: [0, 2, 1] }],
      ['Constant', [], ['back'], { value: { tensor: ints(1, 4) } }],
      ['Reshape', ['turned', 'back'], ['y']],
    ],
  },
  'a Reshape that merges the batch with another dimension, and back': {
    inputs: { x: [1, 3, 4] },
    outputs: { y: [1, 3, 2] },
    constants: { flat: ints(-1, 4), w: floats(4, 2), back: ints(1, 3, 2) },
    nodes: [
      ['Reshape', ['x', 'flat'], ['rows']],
      ['MatMul', ['rows', 'w'], ['product']],
      ['Reshape', ['product', 'back'], ['y']],
    ],
  },
  'a Reshape with the merged size written out': {
    inputs: { x: [2, 3, 4] },
    outputs: { y: [2, 3, 2] },
    constants: { flat: ints(6, 4), w: floats(4, 2), back: ints(2, 3, 2) },
    nodes: [
      ['Reshape', ['x', 'flat'], ['rows']],
      ['MatMul', ['rows', 'w'], ['product']],
      ['Reshape', ['product', 'back'], ['y']],
    ],
  },
  'a Reshape behind a Transpose that put the batch second': {
    inputs: { x: [1, 3, 4] },
    outputs: { y: [1, 3, 4] },
    constants: { steps: ints(3, 1, 2, 2), back: ints(3, 1, 4) },
    nodes: [
      ['Transpose', ['x'], ['stepped'], { perm: [1, 0, 2] }],
      ['Reshape', ['stepped', 'steps'], ['split']],
      ['Tanh', ['split'], ['tanh']],
      ['Reshape', ['tanh', 'back'], ['joined']],
      ['Transpose', ['joined'], ['y'], { perm: [1, 0, 2] }],
    ],
  },
  'a Reshape of an old operator set, with its target in an attribute': {
    inputs: image,
    outputs: { y: [1, 32] },
    opset: 4,
    nodes: [['Reshape', ['x'], ['y'], { shape: [1, 32] }]],
  },
  'a Reshape whose target is joined from a number and a computed size': {
    inputs: image,
    outputs: { y: [1, 2, 16] },
    constants: { one: ints(1), at: ints(1), rest: ints(16) },
    nodes: [
      ['Shape', ['x'], ['sizes']],
      ['Gather', ['sizes', 'at'], ['channels']],
      ['Concat', ['one', 'channels', 'rest'], ['target'], { axis: 0 }],
      ['Reshape', ['x', 'target'], ['y']],
    ],
  },
  'an Expand to a batch of several': {
    inputs: { x: [2, 1, 3] },
    outputs: { y: [2, 4, 3] },
    constants: { target: ints(2, 4, 3) },
    nodes: [['Expand', ['x', 'target'], ['y']]],
  },
  'a constant row that is put before each row': {
    inputs: { x: [1, 3, 4] },
    outputs: { y: [1, 4, 4] },
    constants: { token: floats(1, 1, 4) },
    nodes: [['Concat', ['token', 'x'], ['y'], { axis: 1 }]],
  },
  'a token expanded to the batch of the export': {
    inputs: { x: [1, 3, 4] },
    outputs: { y: [1, 4, 4] },
    constants: { token: floats(1, 1, 4), shape: ints(1, -1, -1), one: ints(1, 1, 1) },
    nodes: [
      ['Expand', ['token', 'one'], ['expanded']],
      ['Concat', ['expanded', 'x'], ['y'], { axis: 1 }],
    ],
  },
  'a ConstantOfShape of the batch of the export': {
    inputs: { x: [1, 3] },
    outputs: { y: [1, 5] },
    constants: { shape: ints(1, 2) },
    nodes: [
      ['ConstantOfShape', ['shape'], ['zeros']],
      ['Concat', ['x', 'zeros'], ['y'], { axis: 1 }],
    ],
  },
  'a bias repeated for each of several rows': {
    inputs: { x: [3, 2] },
    outputs: { y: [3, 2] },
    constants: { bias: filled(0.5, 3, 2) },
    nodes: [['Add', ['x', 'bias'], ['y']]],
  },
  'initial states of a GRU': {
    inputs: { x: [1, 3, 2] },
    outputs: { y: [1, 3] },
    constants: { w: floats(1, 9, 2), r: floats(1, 9, 3), h: floats(1, 1, 3), axis: ints(0) },
    nodes: [
      ['Transpose', ['x'], ['steps'], { perm: [1, 0, 2] }],
      ['GRU', ['steps', 'w', 'r', '', '', 'h'], ['all', 'last'], { hidden_size: 3 }],
      ['Squeeze', ['last', 'axis'], ['y']],
    ],
  },
  'initial states of an LSTM with a batch of two, made by Tile': {
    inputs: { x: [2, 3, 2] },
    outputs: { y: [2, 3] },
    constants: {
      w: floats(1, 12, 2),
      r: floats(1, 12, 3),
      h: floats(1, 1, 3),
      times: ints(1, 2, 1),
      axis: ints(0),
    },
    nodes: [
      ['Tile', ['h', 'times'], ['states']],
      ['Transpose', ['x'], ['steps'], { perm: [1, 0, 2] }],
      ['LSTM', ['steps', 'w', 'r', '', '', 'states', 'states'], ['', 'last'], { hidden_size: 3 }],
      ['Squeeze', ['last', 'axis'], ['y']],
    ],
  },
  'a Slice over the whole batch': {
    inputs: { x: [2, 4] },
    outputs: { y: [2, 2] },
    constants: { starts: ints(0, 1), ends: ints(2, 3), axes: ints(0, 1) },
    nodes: [['Slice', ['x', 'starts', 'ends', 'axes'], ['y']]],
  },
  'a Slice of an old operator set': {
    inputs: { x: [1, 4] },
    outputs: { y: [1, 2] },
    opset: 9,
    nodes: [['Slice', ['x'], ['y'], { starts: [0, 1], ends: [1, 3], axes: [0, 1] }]],
  },
  'a Resize to sizes': {
    inputs: image,
    outputs: { y: [1, 2, 8, 8] },
    constants: { sizes: ints(1, 2, 8, 8) },
    nodes: [['Resize', ['x', '', '', 'sizes'], ['y'], { mode: 'nearest' }]],
  },
  'a Squeeze of all dimensions of one': {
    inputs: { x: [1, 4, 1, 1] },
    outputs: { y: [4] },
    nodes: [['Squeeze', ['x'], ['y']]],
  },
  'a batch that is computed already, beside declared shapes in between': {
    inputs: image,
    outputs: { y: [1, 32] },
    constants: { at: ints(0), rest: ints(-1) },
    declared: { flat: [1, 32] },
    nodes: [
      ['Shape', ['x'], ['sizes']],
      ['Gather', ['sizes', 'at'], ['rows']],
      ['Concat', ['rows', 'rest'], ['target'], { axis: 0 }],
      ['Reshape', ['x', 'target'], ['flat']],
      ['Relu', ['flat'], ['y']],
    ],
  },
  'layers of an image network': {
    inputs: image,
    outputs: { y: [1, 3] },
    constants: { w: floats(4, 2, 3, 3), dense: floats(4, 3), bias: floats(3) },
    nodes: [
      ['Conv', ['x', 'w'], ['conv'], { pads: [1, 1, 1, 1] }],
      ['MaxPool', ['conv'], ['pool'], { kernel_shape: [2, 2], strides: [2, 2] }],
      ['GlobalAveragePool', ['pool'], ['mean']],
      ['Flatten', ['mean'], ['flat']],
      ['Gemm', ['flat', 'dense', 'bias'], ['logits']],
      ['Softmax', ['logits'], ['y']],
    ],
  },
  attention: {
    inputs: { x: [1, 3, 4] },
    outputs: { y: [1, 3, 4] },
    constants: { heads: ints(1, 3, 2, 2), back: ints(1, 3, 4), mask: floats(1, 1, 3, 3) },
    nodes: [
      ['Reshape', ['x', 'heads'], ['split']],
      ['Transpose', ['split'], ['q'], { perm: [0, 2, 1, 3] }],
      ['Transpose', ['split'], ['k'], { perm: [0, 2, 3, 1] }],
      ['MatMul', ['q', 'k'], ['scores']],
      ['Add', ['scores', 'mask'], ['masked']],
      ['Softmax', ['masked'], ['weights'], { axis: -1 }],
      ['MatMul', ['weights', 'q'], ['mixed']],
      ['Transpose', ['mixed'], ['turned'], { perm: [0, 2, 1, 3] }],
      ['Reshape', ['turned', 'back'], ['y']],
    ],
  },
};

describe('opening the batch of', () => {
  test.each(Object.entries(fixed))('%s keeps every row as it was', async (_, model) => {
    const { bytes, batchName } = open(model);
    const [inputName, dims] = Object.entries(model.inputs)[0] as [string, readonly number[]];
    const [rows = 1, ...rest] = dims;
    const original = await load(smallModel(model));
    const candidate = await load(bytes);
    const length = rest.reduce((product, size) => product * size, 1);
    const run = async (session: InferenceSession, data: Float32Array): Promise<number[]> => {
      const feeds = { [inputName]: new Tensor('float32', data, [data.length / length, ...rest]) };
      const { y } = await session.run(feeds);
      return Array.from(y?.data as Float32Array);
    };
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.integer(), async (size, seed) => {
        const random = new Random(seed);
        const data = Float32Array.from({ length: size * length }, () => random.normal());
        const together = await run(candidate, data);
        for (let row = 0; row < size; row += 1) {
          const one = data.subarray(row * length, (row + 1) * length);
          const full = Float32Array.from({ length: rows * length }, (_, i) => one[i % length] ?? 0);
          const each = together.length / size;
          const alone = (await run(original, full)).slice(0, each);
          const mine = together.slice(row * each, (row + 1) * each);
          for (const [i, value] of mine.entries()) expect(value).toBeCloseTo(alone[i] as number, 4);
        }
      }),
      { numRuns: 8 },
    );
    expect(candidate.inputMetadata[0]).toMatchObject({ shape: [batchName, ...rest] });
    await original.release();
    await candidate.release();
  });
});

describe('a model is refused, with the node that is why:', () => {
  const refused: readonly (readonly [string, Omit<SmallModel, 'inputs' | 'outputs'> & Partial<SmallModel>, RegExp])[] = [
    ['softmax over the batch', { nodes: [['Softmax', ['x'], ['y'], { axis: 0 }]] }, /Softmax Y works along the batch/],
    ['softmax of an old operator set over everything', { opset: 11, nodes: [['Softmax', ['x'], ['y'], { axis: 0 }]] }, /Softmax Y works along the batch/],
    ['a mean over the batch', { nodes: [['ReduceMean', ['x'], ['y'], { axes: [0], keepdims: 1 }]] }, /ReduceMean Y reduces over the batch/],
    ['a sum over everything', { nodes: [['ReduceSum', ['x'], ['y']]] }, /ReduceSum Y reduces over the batch/],
    ['a squeezed batch', { constants: { axis: ints(0) }, nodes: [['Squeeze', ['x', 'axis'], ['y']]] }, /Squeeze Y removes the batch dimension/],
    ['row 0 picked', { constants: { zero: ints(0) }, nodes: [['Gather', ['x', 'zero'], ['y']]] }, /Gather Y picks single rows/],
    ['half of the batch', { inputs: { x: [2, 4] }, constants: { s: ints(0), e: ints(1) }, nodes: [['Slice', ['x', 's', 'e'], ['y']]] }, /Slice Y takes part of the batch/],
    ['a split batch', { inputs: { x: [2, 4] }, nodes: [['Split', ['x'], ['y', 'z'], { axis: 0 }]] }, /Split Y splits the batch/],
    ['rows added to the batch', { nodes: [['Concat', ['x', 'x'], ['y'], { axis: 0 }]] }, /Concat Y adds rows to the batch/],
    ['the batch repeated', { constants: { times: ints(2, 1) }, nodes: [['Tile', ['x', 'times'], ['y']]] }, /Tile Y repeats the batch/],
    ['rows padded', { constants: { pads: ints(0, 0, 1, 0) }, nodes: [['Pad', ['x', 'pads'], ['y']]] }, /Pad Y pads the batch with rows/],
    ['all rows in one', { nodes: [['Flatten', ['x'], ['y'], { axis: 0 }]] }, /Flatten Y puts all rows into one/],
    ['elements of rows merged', { inputs: { x: [2, 3] }, constants: { t: ints(3, 2) }, nodes: [['Reshape', ['x', 't'], ['y']]] }, /Reshape Y puts elements of several rows together: \[3, 2\]/],
    ['a constant with a value for each row', { inputs: { x: [2, 4] }, constants: { c: floats(2, 4) }, nodes: [['Add', ['x', 'c'], ['y']]] }, /Add Y takes a constant with a value of its own for each of 2 rows/],
    ['every row with every other', { nodes: [['Transpose', ['x'], ['t']], ['MatMul', ['x', 't'], ['y']]] }, /MatMul Y/],
    ['a sum over the batch in a product', { constants: { w: floats(3, 1) }, nodes: [['MatMul', ['w', 'x'], ['y']]] }, /MatMul Y sums over the batch/],
    ['a product with the batch in its weights', { constants: { a: floats(2, 4) }, nodes: [['Gemm', ['a', 'x'], ['y'], { transB: 1 }]] }, /Gemm Y has the batch in its weights/],
    ['batch normalisation as in training', { constants: { s: filled(1, 4) }, nodes: [['BatchNormalization', ['x', 's', 's', 's', 's'], ['y', 'm', 'v'], { training_mode: 1 }]] }, /BatchNormalization Y normalises over the batch/],
    ['a running sum over rows', { constants: { zero: { ...ints(0), dims: [] } }, nodes: [['CumSum', ['x', 'zero'], ['y']]] }, /CumSum Y works along the batch/],
    ['layer normalisation over everything', { constants: { s: filled(1, 1, 4) }, nodes: [['LayerNormalization', ['x', 's'], ['y'], { axis: 0 }]] }, /LayerNormalization Y works along the batch/],
    ['the largest of the rows', { nodes: [['ArgMax', ['x'], ['y'], { axis: 0 }]] }, /ArgMax Y reduces over the batch/],
    ['the best rows', { constants: { k: ints(1) }, nodes: [['TopK', ['x', 'k'], ['y', 'i'], { axis: 0 }]] }, /TopK Y works along the batch/],
    ['the batch as channels', { inputs: { x: [1, 2, 4, 4] }, constants: { w: floats(3, 1, 1, 1) }, nodes: [['Transpose', ['x'], ['t'], { perm: [1, 0, 2, 3] }], ['Conv', ['t', 'w'], ['y']]] }, /Conv Y has the batch where it takes channels/],
    ['an output of no row', { constants: { c: floats(1, 4) }, nodes: [['Relu', ['c'], ['y']]] }, /output y does not depend on the inputs/],
    ['an output with the batch behind', { nodes: [['Transpose', ['x'], ['y']]] }, /output y has the shape \[4, N\], with the batch not in front/],
    ['inputs that do not agree', { inputs: { x: [1, 4], z: [2, 4] }, nodes: [['Add', ['x', 'z'], ['y']]] }, /its inputs do not agree on a batch in front: x \[1, 4\], z \[2, 4\]/],
    ['a scalar input', { inputs: { x: [] }, nodes: [['Relu', ['x'], ['y']]] }, /input x is a scalar/],
    ['an einsum over the batch', { nodes: [['Einsum', ['x'], ['y'], { equation: 'nc->c' }]] }, /Einsum Y sums over the batch/],
    ['a batch of another size', { constants: { t: ints(4, 1, 4) }, inputs: { x: [1, 1, 4] }, nodes: [['Expand', ['x', 't'], ['e']], ['Relu', ['e'], ['y']]] }, /Expand E repeats the batch 4 times/],
  ]; // prettier-ignore
  test.each(refused)('%s', (_, model, reason) => {
    expect(() => open({ inputs: x4, outputs: { y: [1, 4] }, ...model })).toThrow(reason);
  });
});

test('what is left to a run alone is said', () => {
  const thenBranch = smallGraph({
    inputs: {},
    outputs: { t: [1, 4] },
    nodes: [['Relu', ['x'], ['t']]],
  });
  const elseBranch = smallGraph({
    inputs: {},
    outputs: { e: [1, 4] },
    nodes: [['Neg', ['x'], ['e']]],
  });
  const { assumed } = open({
    inputs: x4,
    outputs: { y: [1, 4] },
    constants: { yes: { dims: [], data_type: 9, name: '', raw_data: Uint8Array.of(1) } },
    nodes: [
      ['FastGelu', ['x'], ['gelu']],
      [
        'If',
        ['yes'],
        ['i'],
        { then_branch: { graph: thenBranch }, else_branch: { graph: elseBranch } },
      ],
      ['Add', ['i', 'gelu'], ['y']],
    ],
  });
  expect(assumed.join()).toMatch(/If I \(/);
});
