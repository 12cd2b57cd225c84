import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ocrModel } from '../../examples/ocr-models.ts';
import { countOf } from '../zoo/counts.ts';
import { encodeModel } from '../zoo/onnx/write.ts';
import { zooNetworks } from '../zoo/registry.ts';
import { inspectFile } from './inspect-file.ts';
import type { FileReport, Shapes } from './inspect-file.ts';
import type { SmallModel } from './testing/small-models.ts';
import { floats, ints, smallGraph, smallModel } from './testing/small-models.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dnnscaler-inspect-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function inspect(bytes: Uint8Array, shapes?: Shapes): Promise<FileReport> {
  const path = join(folder, 'model.onnx');
  await writeFile(path, bytes);
  return inspectFile(path, shapes);
}

describe('the multiply-adds of a file', () => {
  test.each(zooNetworks.filter(({ name }) => /v1_025|v2_100|inception_v2|mobile$|dan/.test(name)))(
    '$name are those that its graph counts',
    async (network) => {
      const graph = network.build();
      // Weights do not matter for the count: they stay zeros, and cost no time to make up.
      const zeros = graph.initializers.map((each) =>
        each.dims.length === 0 || each.datatype !== 'FP32'
          ? each
          : { ...each, data: () => new Float32Array(each.dims.reduce((a, b) => a * b, 1)) },
      );
      const file = encodeModel({ ...graph, initializers: zeros });
      const report = await inspect(Buffer.concat([...file.chunks()]));
      const counts = countOf(graph);
      expect(report.multiplyAddsNotCounted).toEqual([]);
      expect(report.multiplyAdds).toBe(counts.multiplyAdds);
      // In the file, a scale that stays at one is a constant like any other.
      expect(report.parameters).toBeGreaterThanOrEqual(counts.parameters);
      expect(report.parameters / counts.parameters).toBeLessThan(1.001);
      expect(report.movingStatistics).toBe(counts.movingStatistics);
    },
  );

  const small: readonly (readonly [string, SmallModel, number])[] = [
    [
      'a matrix product with a stack',
      {
        inputs: { x: ['N', 5, 2, 3] },
        outputs: { y: ['N', 5, 2, 4] },
        constants: { w: floats(5, 3, 4) },
        nodes: [['MatMul', ['x', 'w'], ['y']]],
      },
      5 * 2 * 4 * 3,
    ],
    [
      'a grouped convolution with SAME padding and a stride',
      {
        inputs: { x: ['N', 4, 5, 5] },
        outputs: { y: ['N', 6, 3, 3] },
        constants: { w: floats(6, 2, 3, 3) },
        nodes: [['Conv', ['x', 'w'], ['y'], { group: 2, strides: [2, 2], auto_pad: 'SAME_UPPER' }]],
      },
      6 * 3 * 3 * 2 * 9,
    ],
    [
      'a transposed convolution',
      {
        inputs: { x: ['N', 4, 5, 5] },
        outputs: { y: ['N', 3, 11, 11] },
        constants: { w: floats(4, 3, 3, 3) },
        nodes: [['ConvTranspose', ['x', 'w'], ['y'], { strides: [2, 2] }]],
      },
      4 * 25 * 3 * 9,
    ],
    [
      'a two-way LSTM',
      {
        inputs: { x: [7, 1, 3] },
        outputs: { y: [7, 2, 1, 5] },
        constants: { w: floats(2, 20, 3), r: floats(2, 20, 5) },
        nodes: [['LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 5, direction: 'bidirectional' }]],
      },
      // 7 is what stands in front: 7 rows of one step, as far as the file tells.
      (7 * 2 * 4 * 5 * (3 + 5)) / 7,
    ],
    [
      'an einsum',
      {
        inputs: { x: ['N', 3, 4] },
        outputs: { y: ['N', 3, 5] },
        constants: { w: floats(4, 5) },
        nodes: [['Einsum', ['x', 'w'], ['y'], { equation: 'nij,jk->nik' }]],
      },
      3 * 4 * 5,
    ],
    [
      'a product behind a shape that is computed from sizes',
      {
        inputs: { x: ['N', 2, 6] },
        outputs: { y: ['N', 3, 5] },
        constants: { at: ints(0), rest: ints(3, -1), w: floats(4, 5) },
        nodes: [
          ['Shape', ['x'], ['sizes']],
          ['Gather', ['sizes', 'at'], ['rows']],
          ['Concat', ['rows', 'rest'], ['target'], { axis: 0 }],
          ['Reshape', ['x', 'target'], ['split']],
          ['MatMul', ['split', 'w'], ['y']],
        ],
      },
      3 * 4 * 5,
    ],
    [
      'each row of a batch fixed at several',
      {
        inputs: { x: [8, 3] },
        outputs: { y: [8, 4] },
        constants: { w: floats(3, 4) },
        nodes: [['MatMul', ['x', 'w'], ['y']]],
      },
      12,
    ],
  ];

  test.each(small)('%s', async (_, model, expected) => {
    const report = await inspect(smallModel(model));
    expect(report.multiplyAddsNotCounted).toEqual([]);
    expect(report.multiplyAdds).toBe(expected);
  });

  test('say what they leave out', async () => {
    const branch = smallGraph({
      inputs: {},
      outputs: { b: ['N', 4] },
      nodes: [['MatMul', ['x', 'w'], ['b']]],
    });
    const report = await inspect(
      smallModel({
        inputs: { x: ['N', 4], s: ['N', 'steps', 4] },
        outputs: { y: ['N', 4] },
        constants: { w: floats(4, 4), yes: { ...ints(1), dims: [] } },
        nodes: [
          ['Frobnicate', ['x'], ['f']],
          ['If', ['yes'], ['i'], { then_branch: { graph: branch } }],
          ['MatMul', ['s', 'w'], ['m']],
          ['MatMul', ['x', 'w'], ['y']],
        ],
      }),
    );
    expect(report.multiplyAdds).toBe(16);
    expect(report.multiplyAddsNotCounted).toEqual([
      'Frobnicate, which is not known here: F',
      'If, whose subgraph runs as often as its inputs say: I',
      'MatMul on [1, ?, 4] and [4, 4]: M',
    ]);
    expect(report.openDimensions).toEqual([{ input: 's', dims: ['steps'] }]);
  });

  test('of sizes that are given are counted', async () => {
    const path = ocrModel('detector');
    const open = await inspectFile(path);
    expect(open.multiplyAddsNotCounted).not.toEqual([]);
    const given = await inspectFile(path, { x: [1, 3, 320, 320] });
    const double = await inspectFile(path, { x: [1, 3, 640, 320] });
    expect(given.multiplyAddsNotCounted).toEqual([]);
    expect(given.openDimensions).toEqual([]);
    // Twice the pixels, but for what works on one value for each channel.
    expect(double.multiplyAdds / given.multiplyAdds).toBeCloseTo(2, 2);
  });
});
