import { basename } from 'node:path';
import { openImageFolder } from '../datasets/image-source.ts';
import { specForSignature } from '../datasets/image-signature.ts';
import { randomRow } from '../datasets/random-row.ts';
import { openOnnxEngine } from '../engines/onnx/onnx-engine.ts';
import type { OnnxEngine } from '../engines/onnx/onnx-engine.ts';
import { invalidArgument } from '../errors.ts';
import { Random } from '../random.ts';
import type { Row } from '../tensor/row.ts';
import type { RowSource } from '../workload/row-source.ts';
import { syntheticSource } from '../workload/row-source.ts';
import { cachedModel } from '../zoo/cache.ts';
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
  readonly engine: OnnxEngine;
  readonly source: RowSource<Row>;
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
  const engine = await openOnnxEngine({
    ...engineOptionsOf(options),
    modelPath: path,
    ...(sampleRow && { sampleRow }),
  });
  try {
    const source = await openSource(engine, network, options);
    return {
      name: network?.name ?? basename(path),
      path,
      provider: options.provider,
      engine,
      source,
      async close() {
        await Promise.all([source.close(), engine.close()]);
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
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

async function openSource(
  engine: OnnxEngine,
  network: ZooNetwork | null,
  options: ModelCliOptions,
): Promise<RowSource<Row>> {
  if (options.input !== 'synthetic') {
    const spec = specForSignature(engine.signature);
    return openImageFolder(options.input, spec, { seed: options.seed, what: '--input' });
  }
  const random = new Random(options.seed);
  return syntheticSource(() =>
    network === null ? randomRow(engine.signature, random) : network.makeRow(random),
  );
}
