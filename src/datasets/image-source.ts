import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { invalidArgument } from '../errors.ts';
import { Random } from '../random.ts';
import type { Row } from '../tensor/row.ts';
import type { RowSource } from '../workload/row-source.ts';
import { decodeFailureReason, defaultMaxPixels, imageDecoder } from './decode-image.ts';
import { listImages } from './image-folder.ts';
import { PrefetchSource } from './prefetch-source.ts';
import { rowBytesOf, type PreprocessingSpec } from './preprocess.ts';

const mebibyte = 2 ** 20;

export interface ImageSourceOptions {
  /** Decides the order of the images, which is another in each round. */
  readonly seed: number;
  /** Name of the option that gave the folder, for error messages. */
  readonly what?: string;
  /**
   * Rows decoded ahead of the consumer, at least 1; by default as many as fit in 64 MiB, from 8
   * to 128 (a full batch).
   */
  readonly aheadRows?: number;
  /**
   * Images decoded side by side, at least 1; by default the cores, at most 4 (libuv's pool has 4
   * threads unless UV_THREADPOOL_SIZE says otherwise).
   */
  readonly loadsInFlight?: number;
  /** Memory for rows that later rounds use again, at least 0; 256 MiB by default. */
  readonly cacheBytes?: number;
  /** Larger images are skipped; 134 million by default. */
  readonly maxPixels?: number;
}

/**
 * Rows from a folder of images, for ever: decoded and preprocessed off the main thread, ahead of
 * the consumer. An image that cannot be read is skipped and shows in `stats`.
 *
 * Resolves once the first row is ready, so that a folder in which nothing can be read is an error
 * here and not later.
 *
 * @throws DnnScalerError as `listImages` and `imageDecoder` do; `invalid-argument` when an option
 *   is out of its range, or when no image in the folder can be read
 */
export async function openImageFolder(
  folder: string,
  spec: PreprocessingSpec,
  options: ImageSourceOptions,
): Promise<RowSource<Row>> {
  const cacheBytes = options.cacheBytes ?? 256 * mebibyte;
  if (!(cacheBytes >= 0)) {
    throw invalidArgument('cacheBytes', 'must be a number of bytes of at least 0', cacheBytes);
  }
  const decode = imageDecoder(spec, options.maxPixels ?? defaultMaxPixels);
  const rowBytes = rowBytesOf(spec);
  const paths = await listImages(folder, options.what);
  const pathOf = (item: number): string => paths[item] as string;
  const source = new PrefetchSource<Row>({
    what: `images in ${JSON.stringify(folder)}`,
    items: paths.length,
    load: (item) => decode(pathOf(item)),
    nameOf: (item) => relative(folder, pathOf(item)),
    reasonOf: decodeFailureReason,
    random: new Random(options.seed),
    aheadRows: options.aheadRows ?? defaultAheadRows(rowBytes),
    loadsInFlight: options.loadsInFlight ?? Math.min(4, availableParallelism()),
    cacheRows: Math.min(paths.length, Math.floor(cacheBytes / rowBytes)),
  });
  await firstRow(source);
  if (source.failure !== null) throw source.failure;
  return source;
}

function firstRow(source: RowSource<Row>): Promise<void> {
  return new Promise((resolve) => {
    source.whenAvailable(resolve);
  });
}

function defaultAheadRows(rowBytes: number): number {
  return Math.min(128, Math.max(8, Math.floor((64 * mebibyte) / rowBytes)));
}
