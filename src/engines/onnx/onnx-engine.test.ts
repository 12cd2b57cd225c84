import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../random.ts';
import { zeros } from '../../tensor/dtype.ts';
import type { Datatype } from '../../tensor/dtype.ts';
import type { Row } from '../../tensor/row.ts';
import { FixtureFolder } from './testing/fixtures.ts';
import { applyTo, floats, int64, pretrained, repliesOf, runOn, using } from './testing/driver.ts';

const folder = new FixtureFolder();
afterAll(() => folder.remove());

const isolations = ['thread', 'process'] as const;

describe('rows and replies', () => {
  const values: Record<Datatype, readonly unknown[]> = {
    BOOL: [1, 0, 1],
    UINT8: [0, 128, 255],
    UINT16: [0, 1, 65535],
    UINT32: [0, 1, 4294967295],
    UINT64: [0n, 1n, 18446744073709551615n],
    INT8: [-128, 0, 127],
    INT16: [-32768, 0, 32767],
    INT32: [-2147483648, 0, 2147483647],
    INT64: [-9223372036854775808n, 0n, 9223372036854775807n],
    FP16: [0x0001, 0x3c00, 0xfbff],
    FP32: [-1.5, 0, 3.4028234663852886e38],
    FP64: [-1.5, 5e-324, 1.7976931348623157e308],
    BYTES: ['', 'a "quoted"\nline', 'größer 你好'],
  };
  const types = Object.keys(values) as Datatype[];

  it.each(isolations)(
    'carries every tensor type there and back unchanged (%s)',
    async (isolation) => {
      // One model with an input and an output of each type also shows that they keep their order.
      const modelPath = folder.model('every-type', {
        inputs: types.map((type) => ({ name: `in_${type}`, type, dims: ['N', 3] })),
        outputs: types.map((type) => ({ name: `out_${type}`, type, dims: ['N', 3] })),
        nodes: types.map((type) => ({
          op: 'Identity',
          inputs: [`in_${type}`],
          outputs: [`out_${type}`],
        })),
      });
      await using({ modelPath, isolation }, async (engine) => {
        expect(engine.limits.maxBatchSize).toBe(128);
        expect(engine.signature.outputs.map(({ datatype }) => datatype)).toEqual(types);
        const rowOf = (shift: number): Row =>
          types.map((type) => {
            const data = zeros(type, 3) as unknown[];
            for (let i = 0; i < 3; i += 1) data[i] = values[type][(i + shift) % 3];
            return { data: data as unknown as Float32Array, dims: [3] };
          });
        const rows = [rowOf(0), rowOf(1), rowOf(2)];
        expect(await repliesOf(engine, rows)).toEqual(rows);
      });
    },
  );

  it('takes several inputs of different shapes and gives several outputs', async () => {
    const modelPath = folder.model('two-by-two', {
      inputs: [
        { name: 'a', type: 'FP32', dims: ['batch', 2, 2] },
        { name: 'b', type: 'INT64', dims: ['batch'] },
      ],
      outputs: [
        { name: 'sum', type: 'FP32', dims: ['batch'] },
        { name: 'negative', type: 'INT64', dims: ['batch'] },
      ],
      nodes: [
        {
          op: 'ReduceMean',
          inputs: ['a'],
          outputs: ['sum'],
          attributes: { axes: [1, 2], keepdims: 0 },
        },
        { op: 'Neg', inputs: ['b'], outputs: ['negative'] },
      ],
    });
    await using({ modelPath }, async (engine) => {
      const rows = [1, 2, 3].map((n): Row => [floats([n, n, n, 5 * n], [2, 2]), int64(n)]);
      const replies = await repliesOf(engine, rows);
      expect(replies).toEqual(
        [1, 2, 3].map((n) => [
          { data: Float32Array.of(2 * n), dims: [] },
          { data: BigInt64Array.of(BigInt(-n)), dims: [] },
        ]),
      );
    });
  });

  it('carries large rows to a process from their own memory, however slowly it reads', async () => {
    const dims = [64, 1024];
    const modelPath = folder.model('large', {
      inputs: [
        { name: 'x', type: 'FP32', dims: ['N', ...dims] },
        { name: 'n', type: 'UINT8', dims: ['N', 3] },
      ],
      outputs: [
        { name: 'sum', type: 'FP32', dims: ['N'] },
        { name: 'same', type: 'UINT8', dims: ['N', 3] },
      ],
      nodes: [
        {
          op: 'ReduceMean',
          inputs: ['x'],
          outputs: ['sum'],
          attributes: { axes: [1, 2], keepdims: 0 },
        },
        { op: 'Identity', inputs: ['n'], outputs: ['same'] },
      ],
    });
    await using({ modelPath, isolation: 'process' }, async (engine) => {
      await applyTo(engine, { batchSize: 32, instances: 1 });
      // More than a socket holds: what is not read yet waits in this process.
      const rows = Array.from({ length: 32 }, (_, n): Row => [
        { data: new Float32Array(64 * 1024).fill(n), dims },
        { data: Uint8Array.of(n, 0, 255), dims: [3] },
      ]);
      for (const batch of [rows, rows.slice(5, 8)]) {
        const replies = await repliesOf(engine, batch);
        expect(replies.map(([sum, same]) => [sum?.data[0], same?.data])).toEqual(
          batch.map(([x, n]) => [x?.data[0], n?.data]),
        );
      }
    });
  });

  it('leaves replies alone when buffers are used again', async () => {
    const modelPath = folder.model('double', {
      inputs: [{ name: 'x', type: 'FP32', dims: ['N', 4] }],
      outputs: [{ name: 'y', type: 'FP32', dims: ['N', 4] }],
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    });
    await using({ modelPath }, async (engine) => {
      await applyTo(engine, { batchSize: 2, instances: 1 });
      const [first] = await repliesOf(engine, [[floats([1, 2, 3, 4])], [floats([0, 0, 0, 0])]]);
      for (let i = 0; i < 5; i += 1) {
        await repliesOf(engine, [[floats([9, 9, 9, 9])], [floats([8, 8, 8, 8])]]);
      }
      expect(first?.[0]?.data).toEqual(Float32Array.of(2, 4, 6, 8));
    });
  });
});

describe('pretrained networks', () => {
  it.each([
    ['ch_ppocr_mobile_v2.0_cls_infer.onnx', [1, 3, 48, 192], 'thread'],
    ['ch_PP-OCRv4_det_infer.onnx', [1, 3, 320, 320], 'process'],
  ] as const)('row i of a batch of %s equals its single run', async (file, shape, isolation) => {
    const modelPath = join(pretrained, file);
    await using({ modelPath, shapes: { x: shape }, isolation }, async (engine) => {
      expect(engine.limits).toMatchObject({ minBatchSize: 1, maxBatchSize: 128 });
      const random = new Random(7);
      const [, channels, height, width] = shape;
      const dims = [channels, height, width];
      const rows = [1, 2].map((scale): Row => {
        const length = channels * height * width;
        return [{ data: Float32Array.from({ length }, () => scale * random.normal()), dims }];
      });
      const together = await repliesOf(engine, rows);
      for (const [index, row] of rows.entries()) {
        const [alone] = await repliesOf(engine, [row]);
        expect(together[index]?.[0]?.dims).toEqual(alone?.[0]?.dims);
        const [a, b] = [together[index], alone].map((reply) => reply?.[0]?.data as Float32Array);
        // Both networks end in probabilities between 0 and 1.
        const furthest = a?.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - (b?.[i] ?? 9))),
          0,
        );
        expect(furthest).toBeLessThan(1e-4);
      }
    });
  });
});

describe('the batch dimension', () => {
  it('pads smaller batches to a fixed batch and drops the padding', async () => {
    const modelPath = folder.model('fixed-four', {
      inputs: [{ name: 'x', type: 'FP32', dims: [4, 3] }],
      outputs: [{ name: 'y', type: 'FP32', dims: [4, 3] }],
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    });
    await using({ modelPath }, async (engine) => {
      expect(engine.limits).toMatchObject({ minBatchSize: 4, maxBatchSize: 4 });
      expect(engine.limits.notes[0]).toContain('fixed at 4');
      expect(engine.point.batchSize).toBe(4);
      const replies = await repliesOf(engine, [[floats([1, 2, 3])], [floats([4, 5, 6])]]);
      expect(replies.map(([y]) => [...(y?.data as Float32Array)])).toEqual([
        [2, 4, 6],
        [8, 10, 12],
      ]);
      const { reached } = await applyTo(engine, { batchSize: 1, instances: 1 });
      expect(reached.batchSize).toBe(4);
    });
  });

  it('takes a fixed first dimension whose rows mix for no batch at all', async () => {
    const modelPath = folder.model('matrix', {
      inputs: [{ name: 'x', type: 'FP32', dims: [2, 2] }],
      outputs: [{ name: 'y', type: 'FP32', dims: [2, 2] }],
      nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } }],
    });
    await using({ modelPath }, async (engine) => {
      expect(engine.limits).toMatchObject({ minBatchSize: 1, maxBatchSize: 1 });
      expect(engine.limits.notes.join()).toContain("rows change each other's output y");
      expect(engine.signature.inputs[0]).toMatchObject({ dims: [2, 2], batched: false });
      const [reply] = await repliesOf(engine, [[floats([1, 1, 1, 1], [2, 2])]]);
      expect(reply?.[0]).toEqual(floats([0.5, 0.5, 0.5, 0.5], [2, 2]));
    });
  });

  it.each([
    [
      'a reshape to one row',
      { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] },
      'output y has the shape [1, 6] for a batch of 2 rows',
    ],
    [
      'a softmax over the batch',
      { op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } },
      "in a batch of 2, rows change each other's output y",
    ],
    [
      'a product with a single row',
      { op: 'Expand', inputs: ['x', 'shape3'], outputs: ['y'] },
      'a batch of 2 rows fails',
    ],
  ])('limits an open batch that does not work because of %s', async (name, node, note) => {
    const modelPath = folder.model(name.replaceAll(' ', '-'), {
      inputs: [{ name: 'x', type: 'FP32', dims: ['N', 3] }],
      outputs: [{ name: 'y', type: 'FP32' }],
      constants: [
        { name: 'shape', type: 'INT64', dims: [2], data: BigInt64Array.of(1n, -1n) },
        { name: 'shape3', type: 'INT64', dims: [3], data: BigInt64Array.of(1n, 3n, 3n) },
      ],
      nodes: [node],
    });
    await using({ modelPath }, async (engine) => {
      expect(engine.limits).toMatchObject({ minBatchSize: 1, maxBatchSize: 1 });
      expect(engine.limits.notes.join()).toContain(note);
      expect((await runOn(engine, [engine.knownGoodRow])).kind).toBe('done');
    });
  });

  it('batches a model that draws random numbers, which agrees not even with itself', async () => {
    const modelPath = folder.model('random', {
      inputs: [{ name: 'x', type: 'FP32', dims: ['N', 3] }],
      outputs: [{ name: 'y', type: 'FP32', dims: ['N', 3] }],
      nodes: [{ op: 'RandomNormalLike', inputs: ['x'], outputs: ['y'] }],
    });
    await using({ modelPath }, async (engine) => {
      expect(engine.limits.maxBatchSize).toBe(128);
    });
  });

  it('limits a model with state and a scalar to one row, which carries them whole', async () => {
    const modelPath = folder.model('stateful', {
      inputs: [
        { name: 'input', type: 'FP32', dims: ['batch', 'samples'] },
        { name: 'state', type: 'FP32', dims: [2, 'batch', 3] },
        { name: 'sr', type: 'INT64', dims: [] },
      ],
      outputs: [
        { name: 'output', type: 'FP32', dims: ['batch', 'samples'] },
        { name: 'stateN', type: 'FP32', dims: [2, 'batch', 3] },
        { name: 'rate', type: 'INT64', dims: [] },
      ],
      nodes: [
        { op: 'Neg', inputs: ['input'], outputs: ['output'] },
        { op: 'Neg', inputs: ['state'], outputs: ['stateN'] },
        { op: 'Neg', inputs: ['sr'], outputs: ['rate'] },
      ],
    });
    await using({ modelPath, shapes: { input: [1, 4] } }, async (engine) => {
      expect(engine.limits).toMatchObject({ minBatchSize: 1, maxBatchSize: 1 });
      expect(engine.limits.notes).toContainEqual(
        'batches are limited to 1 row: inputs state, sr have no batch dimension in front',
      );
      const row: Row = [floats([1, 2, 3, 4]), floats([1, 2, 3, 4, 5, 6], [2, 1, 3]), int64(16000)];
      const [reply] = await repliesOf(engine, [row]);
      expect(reply).toEqual([
        floats([-1, -2, -3, -4]),
        floats([-1, -2, -3, -4, -5, -6], [2, 1, 3]),
        int64(-16000),
      ]);
    });
  });

  it('leaves out outputs that are no tensors, and says so', async () => {
    const modelPath = folder.model('sequence', {
      inputs: [{ name: 'x', type: 'FP32', dims: ['N', 2] }],
      outputs: [
        { name: 'list', type: 'FP32', sequence: true },
        { name: 'y', type: 'FP32', dims: ['N', 2] },
      ],
      nodes: [
        { op: 'SequenceConstruct', inputs: ['x'], outputs: ['list'] },
        { op: 'Neg', inputs: ['x'], outputs: ['y'] },
      ],
    });
    await using({ modelPath }, async (engine) => {
      expect(engine.limits.notes.join()).toContain('left out: list');
      expect(await repliesOf(engine, [[floats([1, 2])]])).toEqual([[floats([-1, -2])]]);
    });
  });
});
