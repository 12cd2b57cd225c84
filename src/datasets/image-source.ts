import { availableParallelism } from 'node:os';
import { invalidArgument } from '../errors.ts';
import { Random } from '../random.ts';
import type { Row } from '../tensor/row.ts';
import type { RowSource } from '../workload/row-source.ts';
import { decodeFailureReason, defaultMaxPixels, imageDecoder } from './decode-image.ts';
import { indexImages } from './image-folder.ts';
import type { ImageIndex } from './image-index.ts';
import { findLabels, type Labels } from './labels.ts';
import { PrefetchSource } from './prefetch-source.ts';
import { rowBytesOf, type PreprocessingSpec } from './preprocess.ts';
import { UndecodedSource } from './undecoded-source.ts';

const mebibyte = 2 ** 20;

export interface FolderOptions {
  /** Decides the order of the images, which is another in each round. */
  readonly seed: number;
  /** Name of the option that gave the folder, for error messages. */
  readonly what?: string;
  /** Classes of the images, for folders whose names do not tell them; see `readLabelsFile`. */
  readonly labelsFile?: string;
  /** Larger images are skipped; 134 million by default. */
  readonly maxPixels?: number;
}

export interface ImageSourceOptions extends FolderOptions {
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
}

/** Rows from a folder of images, for ever. */
export interface ImageSource extends RowSource<Row> {
  readonly images: number;
  readonly labels: Labels;
  /** The image, from 0, that a row of this source holds; undefined for other rows. */
  itemOf(row: Row): number | undefined;
}

/** The same, whose rows only say which image they are. */
export interface UndecodedImages extends ImageSource {
  /** The row for the model; null when the image cannot be read, which shows in `stats`. */
  decode(row: Row): Promise<Row | null>;
}

/**
 * Rows decoded and preprocessed off the main thread, ahead of the consumer. An image that cannot be
 * read is skipped and shows in `stats`.
 *
 * Resolves once the first row is ready, so that a folder in which nothing can be read is an error
 * here and not later.
 *
 * @throws DnnScalerError as `indexImages`, `findLabels` and `imageDecoder` do; `invalid-argument`
 *   when an option is out of its range, or when no image in the folder can be read
 */
export async function openImageFolder(
  folder: string,
  spec: PreprocessingSpec,
  options: ImageSourceOptions,
): Promise<ImageSource> {
  const cacheBytes = options.cacheBytes ?? 256 * mebibyte;
  if (!(cacheBytes >= 0)) {
    throw invalidArgument('cacheBytes', 'must be a number of bytes of at least 0', cacheBytes);
  }
  const { images, labels, items } = await openItems(folder, spec, options);
  const rowBytes = rowBytesOf(spec);
  const itemOf = new WeakMap<Row, number>();
  const source = new PrefetchSource<Row>({
    ...items,
    load: async (item) => {
      const row = await items.decode(item);
      itemOf.set(row, item);
      return row;
    },
    aheadRows: options.aheadRows ?? defaultAheadRows(rowBytes),
    loadsInFlight: options.loadsInFlight ?? Math.min(4, availableParallelism()),
    cacheRows: Math.min(images.count, Math.floor(cacheBytes / rowBytes)),
  });
  await firstRow(source);
  if (source.failure !== null) throw source.failure;
  return {
    images: images.count,
    labels,
    itemOf: (row) => itemOf.get(row),
    take: () => source.take(),
    whenAvailable: (fire) => {
      source.whenAvailable(fire);
    },
    get failure() {
      return source.failure;
    },
    get stats() {
      return source.stats;
    },
    close: () => source.close(),
  };
}

/**
 * The images of a folder as they lie there, to be decoded by whoever runs them.
 *
 * @throws DnnScalerError as `openImageFolder` does, but for a folder in which nothing can be read:
 *   that shows when it is tried
 */
export async function openUndecodedFolder(
  folder: string,
  spec: PreprocessingSpec,
  options: FolderOptions,
): Promise<UndecodedImages> {
  const { images, labels, items } = await openItems(folder, spec, options);
  return Object.assign(new UndecodedSource(items), { images: images.count, labels });
}

async function openItems(
  folder: string,
  spec: PreprocessingSpec,
  { seed, what, labelsFile, maxPixels = defaultMaxPixels }: FolderOptions,
): Promise<{
  images: ImageIndex;
  labels: Labels;
  items: ConstructorParameters<typeof UndecodedSource>[0];
}> {
  const decode = imageDecoder(spec, maxPixels);
  const images = await indexImages(folder, what);
  const labels = await findLabels(images, labelsFile);
  return {
    images,
    labels,
    items: {
      what: `images in ${JSON.stringify(folder)}`,
      items: images.count,
      nameOf: (item) => images.nameOf(item),
      decode: (item) => decode(images.pathOf(item)),
      reasonOf: decodeFailureReason,
      random: new Random(seed),
    },
  };
}

function firstRow(source: RowSource<Row>): Promise<void> {
  return new Promise((resolve) => {
    source.whenAvailable(resolve);
  });
}

function defaultAheadRows(rowBytes: number): number {
  return Math.min(128, Math.max(8, Math.floor((64 * mebibyte) / rowBytes)));
}
