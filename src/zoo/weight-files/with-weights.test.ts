import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cachedModel } from '../cache.ts';
import { sha256OfFile } from '../file-digest.ts';
import { buildToFile } from '../model-file.ts';
import { findNetwork } from '../registry.ts';
import { safetensorsOf, tensorflowWeights } from './testing/write-safetensors.ts';
import type { WrittenTensor } from './testing/write-safetensors.ts';
import { describeReport, requiredWeights } from './weights-report.ts';
import type { WeightsReport } from './weights-report.ts';

const small = 'mobilenet_v1_025';
const network = findNetwork(small);
const directory = mkdtempSync(join(tmpdir(), 'with-weights-'));
const weightsFile = join(directory, 'seed-5.safetensors');
let tensors: Readonly<Record<string, WrittenTensor>>;

beforeAll(() => {
  tensors = tensorflowWeights(network, 5);
  writeFileSync(weightsFile, safetensorsOf(tensors));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** A file with some tensors replaced, or left out where undefined. */
function fileWith(changes: Readonly<Record<string, WrittenTensor | undefined>>): string {
  const path = join(directory, 'changed.safetensors');
  const kept = Object.entries({ ...tensors, ...changes }).filter(([, one]) => one !== undefined);
  writeFileSync(path, safetensorsOf(Object.fromEntries(kept) as Record<string, WrittenTensor>));
  return path;
}

test.each([false, true])(
  'the seeded weights through a file give the same model to the byte, folded: %s',
  async (foldBatchNorm) => {
    const seeded = { seed: 5, foldBatchNorm };
    const loaded = { weightsFile, foldBatchNorm };
    const expected = await buildToFile(small, join(directory, 'seeded'), seeded);
    const actual = await buildToFile(small, join(directory, 'loaded'), loaded);
    expect(readFileSync(actual).equals(readFileSync(expected))).toBe(true);
  },
);

test('a network names its weights as TF-Slim does, with their shapes in TensorFlow', () => {
  const required = requiredWeights(network);
  expect(required).toContainEqual({ name: 'MobilenetV1/Conv2d_0/weights', dims: [3, 3, 3, 8] });
  expect(required).toContainEqual({
    name: 'MobilenetV1/Conv2d_2_depthwise/depthwise_weights',
    dims: [3, 3, 16, 1],
  });
  expect(required).toContainEqual({
    name: 'MobilenetV1/Logits/Conv2d_1c_1x1/weights',
    dims: [1, 1, 256, 1001],
  });
  expect(required).toContainEqual({ name: 'MobilenetV1/Conv2d_0/BatchNorm/beta', dims: [8] });
  expect(required.length).toBe(27 * 5 + 2);
});

test('the cache keeps files by the content of the weights, wherever they lie', async () => {
  const options = { directory: join(directory, 'cache'), weightsFile };
  const first = await cachedModel(small, options);
  const copy = join(directory, 'copy');
  writeFileSync(copy, readFileSync(weightsFile));
  expect(await cachedModel(small, { ...options, weightsFile: copy })).toBe(first);
  const beta = 'MobilenetV1/Conv2d_0/BatchNorm/beta';
  const changed = fileWith({ [beta]: { ...tensors[beta]!, data: new Uint8Array(32) } });
  const second = await cachedModel(small, { ...options, weightsFile: changed });
  expect(second).not.toBe(first);
  expect(await sha256OfFile(second)).not.toBe(await sha256OfFile(first));
  expect(await cachedModel(small, { directory: options.directory, seed: 5 })).not.toBe(first);
});

describe('a file that does not fit', () => {
  test('is reported tensor by tensor, and nothing is built', async () => {
    const changed = fileWith({
      'MobilenetV1/Conv2d_0/weights': undefined,
      'MobilenetV1/Conv2d_1_depthwise/depthwise_weights': {
        dtype: 'F32',
        shape: [3, 3, 1, 8],
        data: new Uint8Array(288),
      },
      'MobilenetV1/Conv2d_0/BatchNorm/gamma': {
        dtype: 'I32',
        shape: [8],
        data: new Uint8Array(32),
      },
      global_step: { dtype: 'I64', shape: [], data: new Uint8Array(8) },
    });
    let report: WeightsReport | undefined;
    const folder = join(directory, 'unfit');
    const built = buildToFile(small, folder, {
      weightsFile: changed,
      onWeightsReport: (one) => {
        report = one;
      },
    });
    await expect(built).rejects.toMatchObject({
      code: 'invalid-argument',
      message: [
        `${changed} does not have the weights of mobilenet_v1_025`,
        'missing (1):',
        '  MobilenetV1/Conv2d_0/weights [3, 3, 3, 8]',
        'of the wrong shape (1):',
        '  MobilenetV1/Conv2d_1_depthwise/depthwise_weights: expected [3, 3, 8, 1], received [3, 3, 1, 8]',
        'of the wrong type (1):',
        '  MobilenetV1/Conv2d_0/BatchNorm/gamma: expected floating-point, received I32',
        'not used (1):',
        '  global_step',
      ].join('\n'),
    });
    expect(report?.fitting).toBe(Object.keys(tensors).length - 3);
    expect(() => readdirSync(folder)).toThrow(/ENOENT/);
  });

  test('does no harm when it only has more than is needed', async () => {
    const more = fileWith({
      'RMSProp/slot': { dtype: 'F32', shape: [1], data: new Uint8Array(4) },
    });
    const seen: (readonly string[])[] = [];
    const path = await buildToFile(small, join(directory, 'more'), {
      weightsFile: more,
      onWeightsReport: ({ leftOver }) => seen.push(leftOver),
    });
    expect(seen).toEqual([['RMSProp/slot']]);
    const expected = await buildToFile(small, join(directory, 'expected'), { seed: 5 });
    expect(await sha256OfFile(path)).toBe(await sha256OfFile(expected));
  });

  test('with a number that is none is told, and leaves no file', async () => {
    const beta = 'MobilenetV1/Conv2d_0/BatchNorm/beta';
    const data = new Uint8Array(Float32Array.of(0, 0, Number.NaN, 0, 0, 0, 0, 0).buffer);
    const folder = join(directory, 'nan');
    const built = buildToFile(small, folder, {
      weightsFile: fileWith({ [beta]: { ...tensors[beta]!, data } }),
    });
    await expect(built).rejects.toThrow(`${beta} has NaN at element 2 as a float32`);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('takes a matrix for a 1 x 1 convolution, as checkpoints of other layers have it', async () => {
    const logits = 'MobilenetV1/Logits/Conv2d_1c_1x1/weights';
    const path = await buildToFile(small, join(directory, 'matrix'), {
      weightsFile: fileWith({ [logits]: { ...tensors[logits]!, shape: [256, 1001] } }),
    });
    const expected = await buildToFile(small, join(directory, 'expected'), { seed: 5 });
    expect(await sha256OfFile(path)).toBe(await sha256OfFile(expected));
  });
});

test('a long report is summed up', () => {
  const missing = Array.from({ length: 5 }, (_, i) => ({ name: `w${i}`, dims: [i] }));
  const report = { fitting: 0, missing, wrongShape: [], wrongType: [], leftOver: [] };
  expect(describeReport(report, 2)).toBe('missing (5):\n  w0 [0]\n  w1 [1]\n  and 3 more');
});
