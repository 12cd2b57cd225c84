import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DnnScalerError, invalidArgument, toDnnScalerError } from '../../errors.ts';
import { Random } from '../../random.ts';
import type { DatasetName } from '../labels.ts';
import { encodePhoto } from './encode-photo.ts';
import { makePhoto } from './photo.ts';
import { Places, type FolderLayout } from './places.ts';
import { planPhoto } from './statistics.ts';

/** Classes of a flat folder: a synset a line, as TF-Slim lists those of the validation images. */
export const flatLabelsFile = 'synset_labels.txt';

export interface SynthesizeOptions {
  readonly dataset: DatasetName;
  /** Made if it is not there. */
  readonly folder: string;
  /** Images to make, at least 1. */
  readonly count: number;
  /** An integer: the same one makes the same pictures, and image i is the same in any count. */
  readonly seed: number;
  /** Default `folders`. */
  readonly layout?: FolderLayout;
  /** Write into a folder that holds something; files of the same names are replaced. */
  readonly intoUsed?: boolean;
  readonly onProgress?: (done: number, total: number, path: string) => void;
  /** Asked before each image; true ends with what there is. */
  readonly isCancelled?: () => boolean;
}

export interface Synthesized {
  readonly images: number;
  readonly bytes: number;
  readonly meanWidth: number;
  readonly meanHeight: number;
  readonly isCancelled: boolean;
}

/** Images encoded and written beside the one being painted. */
const encodesInFlight = 3;

/**
 * Writes a folder of made-up photographs with the resolutions, file sizes, folders and names of a
 * dataset, for those who do not have it. A file is there whole or not at all.
 *
 * @throws DnnScalerError `invalid-argument` for a count out of its range, a layout that the dataset
 *   does not have, and a folder that holds something or cannot be written; `resource-exhausted`
 *   when the disk is full
 */
export async function synthesizeDataset(options: SynthesizeOptions): Promise<Synthesized> {
  const { dataset, folder, count, seed, layout = 'folders' } = options;
  if (!Number.isSafeInteger(count) || count < 1) {
    throw invalidArgument('the count of images', 'must be a whole number of at least 1', count);
  }
  if (layout === 'flat' && dataset !== 'imagenet') {
    throw invalidArgument('the layout', 'must be folders but for ImageNet', layout);
  }
  await prepareFolder(folder, options.intoUsed === true);
  const random = new Random(seed);
  const places = new Places(dataset, layout, random.fork());
  const labels: string[] = [];
  const written = new Tally();
  const pending = new Set<Promise<void>>();
  const isCancelled = (): boolean => options.isCancelled?.() === true;
  try {
    for (let i = 0; i < count && !isCancelled(); i += 1) {
      const own = random.fork();
      const plan = planPhoto(dataset, own);
      const { path, className } = places.next();
      const photo = makePhoto(own, { ...plan, detail: 8 + 30 * own.next() });
      labels.push(className);
      const write = encodePhoto(photo, plan).then(async (file) => {
        await writeWhole(join(folder, path), file);
        written.add(plan, file.length);
        options.onProgress?.(written.images, count, path);
      });
      // One that failed stays, so that the next wait tells.
      const tracked: Promise<void> = write.then(() => {
        pending.delete(tracked);
      });
      pending.add(tracked);
      // Also lets signals and timers in between two pictures.
      if (pending.size >= encodesInFlight) await Promise.race(pending);
    }
    await Promise.all(pending);
  } catch (error) {
    await Promise.allSettled(pending);
    throw asWriteError(folder, error);
  }
  if (layout === 'flat') await writeWhole(join(folder, flatLabelsFile), `${labels.join('\n')}\n`);
  return written.summary(isCancelled());
}

class Tally {
  images = 0;
  #bytes = 0;
  #width = 0;
  #height = 0;

  add({ width, height }: { readonly width: number; readonly height: number }, bytes: number): void {
    this.images += 1;
    this.#bytes += bytes;
    this.#width += width;
    this.#height += height;
  }

  summary(isCancelled: boolean): Synthesized {
    return {
      images: this.images,
      bytes: this.#bytes,
      meanWidth: this.#width / this.images,
      meanHeight: this.#height / this.images,
      isCancelled,
    };
  }
}

async function prepareFolder(folder: string, intoUsed: boolean): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if (intoUsed || (await readdir(folder)).length === 0) return;
  } catch (error) {
    throw asWriteError(folder, error);
  }
  const rule = 'must be empty or new, unless writing into a used one is asked for';
  throw invalidArgument('the folder to write into', rule, folder);
}

async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const unfinished = join(dirname(path), `.unfinished-${process.pid}-${path.split('/').at(-1)}`);
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(unfinished, content);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

function asWriteError(folder: string, error: unknown): DnnScalerError {
  if (error instanceof DnnScalerError) return error;
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  return new DnnScalerError(
    isFull ? 'resource-exhausted' : 'invalid-argument',
    `${JSON.stringify(folder)} cannot be written: ${toDnnScalerError(error).message}`,
    { cause: error },
  );
}
