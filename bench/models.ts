import { ocrModel } from '../examples/ocr-models.ts';
import { randomRow } from '../src/datasets/random-row.ts';
import { openOnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import { Random } from '../src/random.ts';
import type { Row } from '../src/tensor/row.ts';
import { cachedModel } from '../src/zoo/cache.ts';
import { zooNetworks } from '../src/zoo/registry.ts';

/** A model to measure: its file and rows to feed it. */
export interface BenchModel {
  readonly name: string;
  path(): Promise<string>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  makeRow(engine: OnnxEngine, random: Random): Row;
}

/** Networks of the zoo that are quick to measure. */
const quick = [
  'mobilenet_v1_100',
  'mobilenet_v1_050',
  'mobilenet_v1_025',
  'multvae_ml20m',
  'dan_sst',
];

/** Every network at hand: the zoo's, and pretrained ones from a registry package. */
const allModels: readonly BenchModel[] = [
  ...zooNetworks.map((network) => ({
    name: network.name,
    path: () => cachedModel(network.name),
    shapes: {},
    makeRow: (_engine: OnnxEngine, random: Random) => network.makeRow(random),
  })),
  pretrained('pp-ocr classifier', ocrModel('classifier'), [1, 3, 48, 192]),
  pretrained('pp-ocr detector, 320 px', ocrModel('detector'), [1, 3, 320, 320]),
];

/** Those of them that are quick to measure. */
export const benchModels: readonly BenchModel[] = allModels.filter(
  ({ name }) => quick.includes(name) || name.startsWith('pp-ocr'),
);

export function benchModel(name: string): BenchModel {
  const model = allModels.find((candidate) => candidate.name === name);
  if (model === undefined) throw new Error(`there is no benchmark model ${name}`);
  return model;
}

/** Opens the embedded engine on a model, lets `use` measure it, and closes it. */
export async function withEngine<T>(
  model: BenchModel,
  options: { readonly maxInstances?: number; readonly isolation?: 'thread' | 'process' },
  use: (engine: OnnxEngine, rows: readonly Row[]) => Promise<T>,
): Promise<T> {
  const engine = await openOnnxEngine({
    modelPath: await model.path(),
    shapes: model.shapes,
    ...options,
  });
  const random = new Random(1);
  const rows = Array.from({ length: 16 }, () => model.makeRow(engine, random));
  try {
    return await use(engine, rows);
  } finally {
    await engine.close();
  }
}

function pretrained(name: string, file: string, shape: readonly number[]): BenchModel {
  return {
    name,
    path: () => Promise.resolve(file),
    shapes: { x: shape },
    makeRow: (engine, random) => randomRow(engine.signature, random),
  };
}
