import { join } from 'node:path';
import { indexImages } from '../../datasets/image-folder.ts';
import type { DatasetName } from '../../datasets/labels.ts';
import { synthesizeDataset } from '../../datasets/synthesize/synthesize.ts';
import { DnnScalerError } from '../../errors.ts';
import { cacheDirectory } from '../../zoo/cache.ts';

export interface SynthesizedFolderOptions {
  readonly dataset: DatasetName;
  readonly count: number;
  readonly seed: number;
  /** Default `cacheDirectory()`. */
  readonly directory?: string;
  readonly onProgress?: (done: number, total: number, what: string) => void;
  readonly isCancelled?: () => boolean;
}

/**
 * A folder of made-up images like those of a dataset, kept in the cache and made on first use.
 *
 * @throws DnnScalerError `cancelled` when it was ended early; as `synthesizeDataset` does
 */
export async function synthesizedFolder(options: SynthesizedFolderOptions): Promise<string> {
  const { dataset, count, seed, directory = cacheDirectory(), ...told } = options;
  const folder = join(directory, 'images', `${dataset}-${count}-${seed}`);
  const there = await indexImages(folder).catch(() => undefined);
  if (there?.count === count) return folder;
  const made = await synthesizeDataset({ dataset, folder, count, seed, intoUsed: true, ...told });
  if (made.isCancelled) throw new DnnScalerError('cancelled', 'interrupted while making images');
  return folder;
}
