import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { Random } from '../../random.ts';
import type { RowTensor } from '../../tensor/row.ts';
import type { Graph } from '../onnx/graph.ts';
import { readGraph } from '../onnx/read.ts';
import { encodeModel } from '../onnx/write.ts';
import { findNetwork } from '../registry.ts';

// The networks once more, written down from their publications as plain loops over TensorFlow's
// layouts, with the weights of the built file.

function fileOf(graph: Graph): Buffer {
  return Buffer.concat([...encodeModel(graph).chunks()].map((chunk) => Buffer.from(chunk)));
}

/** The weights of a file by their names. */
function weightsOf(file: Buffer): (name: string) => Float32Array {
  const { initializers } = readGraph(file, 'file');
  const byName = new Map(initializers.map((one) => [one.name, one]));
  return (name) => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`no weights ${name}`);
    return found.data() as Float32Array;
  };
}

/** What ONNX Runtime answers to one row of a file's input. */
async function runtimeReply(file: Buffer, { data, dims }: RowTensor): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
  const types = { Uint8Array: 'uint8', Float32Array: 'float32', Int32Array: 'int32' };
  const type = types[data.constructor.name as keyof typeof types] as 'float32';
  const tensor = new Tensor(type, data as Float32Array, [1, ...dims]);
  const replies = await session.run({ [session.inputNames[0]!]: tensor });
  await session.release();
  return replies[session.outputNames[0]!]!.data as Float32Array;
}

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const error = Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)));
  expect(error / largest).toBeLessThan(1e-4);
}

function dense(
  x: readonly number[],
  weights: Float32Array,
  biases: Float32Array,
  activation: (x: number) => number = (y) => y,
): number[] {
  const sums = Float64Array.from(biases);
  x.forEach((value, i) => {
    if (value === 0) return;
    for (let unit = 0; unit < sums.length; unit += 1) {
      sums[unit]! += value * weights[i * sums.length + unit]!;
    }
  });
  return Array.from(sums, activation);
}

function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
}

const relu = (x: number): number => Math.max(x, 0);

test('MobileNet V1 0.25 computes what the paper and TF-Slim describe', async () => {
  const network = findNetwork('mobilenet_v1_025');
  const file = fileOf(network.build());
  const weights = weightsOf(file);
  const row = network.makeRow(new Random(3))[0]!;

  // An image is [height][width][channels], flat. With SAME padding, 3 x 3 and even sizes,
  // TensorFlow starts the window one pixel before the image, or on it when the stride is 2.
  let size = 128;
  let image = Array.from(row.data as Uint8Array, (byte) => (byte / 255 - 0.5) * 2);
  const layer = (scope: string, kernel: 1 | 3, stride: 1 | 2, depthwise: boolean): void => {
    const filters = weights(`${scope}/${depthwise ? 'depthwise_weights' : 'weights'}`);
    const gamma = weights(`${scope}/BatchNorm/gamma`);
    const beta = weights(`${scope}/BatchNorm/beta`);
    const mean = weights(`${scope}/BatchNorm/moving_mean`);
    const variance = weights(`${scope}/BatchNorm/moving_variance`);
    const [from, to] = [image.length / size ** 2, gamma.length];
    const first = kernel === 3 && stride === 1 ? -1 : 0;
    const outSize = size / stride;
    const out = new Array<number>(outSize * outSize * to);
    for (let y = 0; y < outSize; y += 1) {
      for (let x = 0; x < outSize; x += 1) {
        for (let o = 0; o < to; o += 1) {
          let sum = 0;
          for (let ky = 0; ky < kernel; ky += 1) {
            for (let kx = 0; kx < kernel; kx += 1) {
              const [iy, ix] = [y * stride + first + ky, x * stride + first + kx];
              if (iy < 0 || ix < 0 || iy >= size || ix >= size) continue;
              const at = (iy * size + ix) * from;
              const tap = ky * kernel + kx;
              if (depthwise) sum += image[at + o]! * filters[o * kernel ** 2 + tap]!;
              else
                for (let i = 0; i < from; i += 1)
                  sum += image[at + i]! * filters[(o * from + i) * kernel ** 2 + tap]!;
            }
          }
          const normalised = (sum - mean[o]!) / Math.sqrt(variance[o]! + 0.001);
          out[(y * outSize + x) * to + o] = Math.min(relu(normalised * gamma[o]! + beta[o]!), 6);
        }
      }
    }
    image = out;
    size = outSize;
  };
  layer('MobilenetV1/Conv2d_0', 3, 2, false);
  const strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1] as const;
  strides.forEach((stride, i) => {
    layer(`MobilenetV1/Conv2d_${i + 1}_depthwise`, 3, stride, true);
    layer(`MobilenetV1/Conv2d_${i + 1}_pointwise`, 1, 1, false);
  });
  expect([size, image.length / size ** 2]).toEqual([4, 256]);
  const pooled = Array.from({ length: 256 }, (_, channel) => {
    const values = image.filter((__, i) => i % 256 === channel);
    return values.reduce((a, b) => a + b) / values.length;
  });
  const filters = weights('MobilenetV1/Logits/Conv2d_1c_1x1/weights');
  const biases = weights('MobilenetV1/Logits/Conv2d_1c_1x1/biases');
  const logits = Array.from(biases, (bias, o) =>
    pooled.reduce((sum, value, i) => sum + value * filters[o * 256 + i]!, bias),
  );
  expectClose(await runtimeReply(file, row), softmax(logits));
});

test('Mult-VAE computes what the paper describes', async () => {
  const network = findNetwork('multvae_ml20m');
  const file = fileOf(network.build());
  const weights = weightsOf(file);
  const row = network.makeRow(new Random(3))[0]!;
  const liked = row.data as Float32Array;
  const norm = Math.sqrt(liked.reduce((sum, value) => sum + value * value, 0));
  const x = Array.from(liked, (value) => value / norm);
  const hidden = dense(x, weights('weight_q_0to1'), weights('bias_q_1'), Math.tanh);
  const posterior = dense(hidden, weights('weight_q_1to2'), weights('bias_q_2'));
  const mean = posterior.slice(0, 200);
  const decoded = dense(mean, weights('weight_p_0to1'), weights('bias_p_1'), Math.tanh);
  const scores = dense(decoded, weights('weight_p_1to2'), weights('bias_p_2'));
  expectClose(await runtimeReply(file, row), scores);
});

test('the deep averaging network computes what the paper describes, without the padding', async () => {
  const network = findNetwork('dan_sst');
  const file = fileOf(network.build());
  const weights = weightsOf(file);
  const row = network.makeRow(new Random(3))[0]!;
  const tokens = row.data as Int32Array;
  const sentence = tokens.filter((token) => token !== 0);
  expect(sentence.length).toBeLessThan(tokens.length);
  const table = weights('embeddings');
  let x = Array.from({ length: 300 }, (_, i) => {
    const sum = sentence.reduce((total, token) => total + table[token * 300 + i]!, 0);
    return sum / sentence.length;
  });
  for (const layer of [1, 2, 3]) {
    x = dense(x, weights(`hidden_${layer}/weights`), weights(`hidden_${layer}/biases`), relu);
  }
  const logits = dense(x, weights('softmax/weights'), weights('softmax/biases'));
  expectClose(await runtimeReply(file, row), softmax(logits));
});
