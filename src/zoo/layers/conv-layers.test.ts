import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import { batchDim } from '../onnx/graph.ts';
import type { Value } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/write.ts';
import type { WeightSource } from '../weights.ts';
import { ConvLayers } from './conv-layers.ts';
import type { ConvStyle } from './conv-layers.ts';
import { lazily, uniformMoments } from './moments.ts';
import type { Features } from './features.ts';

/** Weights that are 1, 2, 3, ... by name: what comes where is seen in the results. */
const counting: WeightSource = {
  key: 'counting',
  tensor: (name, dims) => ({
    name,
    datatype: 'FP32',
    dims,
    data() {
      const count = dims.reduce((a, b) => a * b, 1);
      const scale = name.endsWith('moving_variance') ? 1 : 0.1;
      return Float32Array.from({ length: count }, (_, i) => (i + 1) * scale);
    },
  }),
};

/** Runs layers over one image of `channels` x `size` x `size` whose elements are 1, 2, 3, ... */
async function run(
  [channels, size]: readonly [number, number],
  body: (layers: ConvLayers, x: Features) => Features | Value,
  style: ConvStyle = { epsilon: 0.5 },
): Promise<{ dims: readonly number[]; data: number[] }> {
  const graph = new GraphBuilder('layers');
  const value = graph.input('x', 'FP32', [batchDim, channels, size, size]);
  const x = { value, moments: lazily(() => uniformMoments(channels, 0, 1)) };
  const result = body(new ConvLayers(graph, counting, style), x);
  graph.output('value' in result ? result.value : result);
  const chunks = [...encodeModel(graph.finish()).chunks()].map((chunk) => Buffer.from(chunk));
  const session = await InferenceSession.create(Buffer.concat(chunks));
  const data = Float32Array.from({ length: channels * size * size }, (_, i) => i + 1);
  const replies = await session.run({ x: new Tensor('float32', data, [1, channels, size, size]) });
  await session.release();
  const reply = replies[session.outputNames[0]!]!;
  return { dims: reply.dims, data: [...(reply.data as Float32Array)] };
}

const bare = { follow: 'nothing', activation: false } as const;

describe('windows', () => {
  test('SAME, VALID, FIXED and AFTER begin where TensorFlow and TF-Slim begin', async () => {
    // One channel, 4 x 4: sums of 1 x 1 and 3 x 3 windows, weights 0.1, 0.2, ... 0.9.
    const first = async (kernel: number, padding: 'SAME' | 'VALID' | 'FIXED' | 'AFTER') => {
      const options = { kernel, stride: 2, padding, filters: 1, ...bare };
      return run([1, 4], (layers, x) => layers.conv(x, 'c', options));
    };
    const at = (row: number, column: number): number =>
      row < 0 || column < 0 || row > 3 || column > 3 ? 0 : row * 4 + column + 1;
    const window = (row: number, column: number): number => {
      let sum = 0;
      for (let i = 0; i < 9; i += 1) {
        sum += (i + 1) * 0.1 * at(row + Math.floor(i / 3), column + (i % 3));
      }
      return sum;
    };
    for (const [padding, starts] of [
      ['SAME', [0, 2]],
      ['VALID', [0]],
      ['FIXED', [-1, 1]],
      ['AFTER', [0, 2]],
    ] as const) {
      const { dims, data } = await first(3, padding);
      const expected = starts.flatMap((row) => starts.map((column) => window(row, column)));
      expect(dims, padding).toEqual([1, 1, starts.length, starts.length]);
      data.forEach((one, i) => {
        expect(one).toBeCloseTo(expected[i]!, 4);
      });
    }
  });

  test('means leave the padding out, and it never is the largest', async () => {
    const mean = await run([1, 2], (layers, x) => layers.averagePool(x, 'p', { kernel: 3 }));
    expect(mean.data).toEqual([2.5, 2.5, 2.5, 2.5]);
    const negative = await run([1, 2], (layers, x) => {
      const options = { kernel: 1, filters: 1, batchNormScope: 's', activation: false } as const;
      // Counting normalisation: (0.1 x - 0.1) / sqrt(1.5) x 0.1 + 0.1; then means of all.
      return layers.maxPool(layers.conv(x, 'c', options), 'm', { kernel: 3 });
    });
    const largest = ((0.4 - 0.1) / Math.sqrt(1.5)) * 0.1 + 0.1;
    negative.data.forEach((one) => {
      expect(one).toBeCloseTo(largest, 5);
    });
  });
});

describe('convolutions', () => {
  test('separable ones have the filters of a channel side by side', async () => {
    const options = { kernel: 1, filters: 1, multiplier: 2, ...bare };
    const { dims, data } = await run([2, 1], (layers, x) => layers.separable(x, 's', options));
    // Channels 1, 2; depthwise 0.1, 0.2 for the first and 0.3, 0.4 for the second; pointwise 0.1...
    const depthwise = [1 * 0.1, 1 * 0.2, 2 * 0.3, 2 * 0.4];
    expect(dims).toEqual([1, 1, 1, 1]);
    expect(data[0]).toBeCloseTo(
      depthwise.reduce((sum, one, i) => sum + one * (i + 1) * 0.1, 0),
      5,
    );
  });

  test('folding batch normalisation changes nothing, with and without a scale', async () => {
    for (const scale of [true, false]) {
      const results = [];
      for (const foldBatchNorm of [false, true]) {
        results.push(
          await run(
            [2, 3],
            (layers, x) => {
              const y = layers.conv(x, 'a', { kernel: 3, filters: 3 });
              const z = layers.depthwise(y, 'b', { kernel: [1, 3] });
              return layers.separable(z, 'c', { kernel: 3, filters: 2, activation: false });
            },
            { epsilon: 0.5, scale, foldBatchNorm },
          ),
        );
      }
      const [plain, folded] = results.map(({ data }) => data);
      const largest = Math.max(...plain!.map(Math.abs));
      folded!.forEach((one, i) => {
        expect(Math.abs(one - plain![i]!) / largest).toBeLessThan(1e-5);
      });
    }
  });

  test('folded ones leave no normalisation but that which stands alone', () => {
    const graph = new GraphBuilder('g');
    const layers = new ConvLayers(graph, counting, { epsilon: 0.5, foldBatchNorm: true });
    let x = layers.image(8, 'UINT8');
    x = layers.conv(x, 'a', { kernel: 3, filters: 4 });
    layers.batchNorm(x, 'alone');
    const norms = graph.finish().nodes.filter(({ opType }) => opType === 'BatchNormalization');
    expect(norms.map(({ name }) => name)).toEqual(['alone']);
  });

  test('a fully-connected classifier has its weights by input, then class', async () => {
    const { data } = await run([2, 1], (layers, x) => layers.denseClassifier(x, 'fc', 3));
    // Inputs 1, 2; weights [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]; biases 0.1, 0.2, 0.3.
    const logits = [0.1 + 0.8 + 0.1, 0.2 + 1 + 0.2, 0.3 + 1.2 + 0.3];
    const powers = logits.map(Math.exp);
    const total = powers.reduce((a, b) => a + b);
    data.forEach((one, i) => {
      expect(one).toBeCloseTo(powers[i]! / total, 5);
    });
  });
});
