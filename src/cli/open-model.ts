import { basename } from 'node:path';
import type { Accuracy, AccuracyMeter } from '../datasets/accuracy.ts';
import type { PreprocessingHint, PreprocessingName } from '../datasets/image-signature.ts';
import { preprocessingHints } from '../datasets/image-signature.ts';
import { randomRow } from '../datasets/random-row.ts';
import type { Engine } from '../engines/engine.ts';
import { openOnnxEngine } from '../engines/onnx/onnx-engine.ts';
import type { OnnxEngine } from '../engines/onnx/onnx-engine.ts';
import { invalidArgument } from '../errors.ts';
import { Random } from '../random.ts';
import type { PreprocessingMode } from '../serving/images-on-engine.ts';
import { imagesOnEngine } from '../serving/images-on-engine.ts';
import type { Row } from '../tensor/row.ts';
import type { RowSource, RowSourceStats } from '../workload/row-source.ts';
import { syntheticSource } from '../workload/row-source.ts';
import { cachedModel } from '../zoo/cache.ts';
import { imageHintOf } from '../zoo/image-hint.ts';
import type { ZooNetwork } from '../zoo/network.ts';
import { findNetwork } from '../zoo/registry.ts';
import { buildProgress } from './build-progress.ts';
import type { ModelCliOptions } from './options.ts';
import { engineOptionsOf } from './options.ts';

/** A model on its engine, with rows to feed it. */
export interface OpenedModel {
  /** For people: the file's name, or the network's. */
  readonly name: string;
  readonly path: string;
  readonly provider: ModelCliOptions['provider'];
  readonly engine: Engine<Row, Row>;
  readonly onnx: OnnxEngine;
  readonly source: RowSource<Row>;
  readonly preprocessing: PreprocessingMode;
  /** Null for synthetic input. */
  readonly accuracy: AccuracyMeter | null;
  readonly onReply?: (row: Row, reply: Row) => void;
  close(): Promise<void>;
}

export const zooPrefix = 'zoo:';

/**
 * Opens MODEL as the command line names it: a file, or `zoo:NAME`, built on first use. Nothing is
 * left running when it throws.
 *
 * @throws DnnScalerError for a model, an input or an option that is no good
 */
export async function openModel(
  model: string,
  options: ModelCliOptions,
  progress: NodeJS.WriteStream | null,
): Promise<OpenedModel> {
  const network = model.startsWith(zooPrefix) ? findNetwork(model.slice(zooPrefix.length)) : null;
  if (network === null && model === '')
    throw invalidArgument('MODEL', 'must be a file or zoo:NAME', model);
  const path = network === null ? model : await buildCached(network, progress);
  const sampleRow = network?.makeRow(new Random(options.seed));
  const preprocessing = options.preprocessing ?? 'pipelined';
  if (options.input === 'synthetic') refuseImageOptions(options);
  const onnx = await openOnnxEngine({
    ...engineOptionsOf(options),
    modelPath: path,
    ...(sampleRow && { sampleRow }),
  });
  try {
    const fed = await feed(onnx, network, options);
    const { engine, source } = fed;
    return {
      name: network?.name ?? basename(path),
      path,
      provider: options.provider,
      onnx,
      preprocessing,
      ...fed,
      async close() {
        await Promise.all([source.close(), engine.close()]);
      },
    };
  } catch (error) {
    await onnx.close();
    throw error;
  }
}

/** What a command tells of the input when it is done with it. */
export function outcomeOf({ source, accuracy, preprocessing }: OpenedModel): {
  readonly input: RowSourceStats & { readonly preprocessing: PreprocessingMode | null };
  readonly accuracy: Accuracy | null;
} {
  const isImages = accuracy !== null;
  return {
    input: { ...source.stats, preprocessing: isImages ? preprocessing : null },
    accuracy: accuracy?.report ?? null,
  };
}

/** The file of a zoo network, built on first use with a progress bar on the stream. */
export async function buildCached(
  network: ZooNetwork,
  stream: NodeJS.WriteStream | null,
): Promise<string> {
  const progress = buildProgress(network.name, stream);
  try {
    return await cachedModel(network.name, { onProgress: progress.update });
  } finally {
    progress.end();
  }
}

type Fed = Pick<OpenedModel, 'engine' | 'source' | 'accuracy' | 'onReply'>;

async function feed(
  engine: OnnxEngine,
  network: ZooNetwork | null,
  options: ModelCliOptions,
): Promise<Fed> {
  const { input: folder, seed, labels, preprocessing: mode = 'pipelined' } = options;
  if (folder !== 'synthetic') {
    const hint = hintFor(network, options.pipeline);
    return imagesOnEngine(engine, {
      ...{ folder, mode, seed, what: '--input' },
      ...(hint && { hint }),
      ...(labels !== undefined && { labelsFile: labels }),
    });
  }
  const random = new Random(seed);
  const source = syntheticSource(() =>
    network === null ? randomRow(engine.signature, random) : network.makeRow(random),
  );
  return { engine, source, accuracy: null };
}

/** The pipeline that was asked for, else that of a network of the zoo; undefined: not known. */
export function hintFor(
  network: ZooNetwork | null,
  pipeline?: PreprocessingName,
): PreprocessingHint | undefined {
  if (pipeline !== undefined) return preprocessingHints[pipeline];
  return network?.image && imageHintOf(network.image);
}

/** @throws DnnScalerError `invalid-argument` for options that only a folder of images can have */
function refuseImageOptions({ labels, pipeline, preprocessing }: ModelCliOptions): void {
  const given = Object.entries({ labels, pipeline }).find(([, value]) => value !== undefined);
  const option = given?.[0] ?? (preprocessing === 'inline' ? 'preprocessing' : undefined);
  if (option === undefined) return;
  throw invalidArgument(`--${option}`, 'needs a folder of images as --input', 'synthetic');
}
