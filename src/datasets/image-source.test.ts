import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { photoFolder, samplePhotos } from '../../examples/photos.ts';
import type { Row } from '../tensor/row.ts';
import type { RowSource } from '../workload/row-source.ts';
import { openImageFolder, type ImageSourceOptions } from './image-source.ts';
import { listImages } from './image-folder.ts';
import type { PreprocessingSpec } from './preprocess.ts';

const spec: PreprocessingSpec = {
  width: 16,
  height: 16,
  resize: 'cover',
  layout: 'NHWC',
  channelOrder: 'RGB',
  datatype: 'UINT8',
};
const rowBytes = 16 * 16 * 3;

let folder: string;
const open: RowSource<Row>[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-source-'));
});

afterEach(async () => {
  for (const source of open.splice(0)) await source.close();
  await rm(folder, { recursive: true });
});

async function openFolder(options: Partial<ImageSourceOptions> = {}): Promise<RowSource<Row>> {
  const source = await openImageFolder(folder, spec, { seed: 1, ...options });
  open.push(source);
  return source;
}

/** Copies photographs into the folder. */
async function putPhotos(count: number): Promise<void> {
  for (const path of samplePhotos().slice(0, count)) {
    await copyFile(path, join(folder, `${basename(dirname(dirname(path)))}.jpg`));
  }
}

async function takeRows(source: RowSource<Row>, count: number): Promise<Row[]> {
  const rows: Row[] = [];
  while (rows.length < count) {
    const row = source.take();
    if (row !== undefined) rows.push(row);
    else await new Promise<void>((resolve) => source.whenAvailable(resolve));
  }
  return rows;
}

/** Text that tells pictures apart. */
const fingerprint = (row: Row): string => [...(row[0]?.data as Uint8Array)].join();

describe('openImageFolder', () => {
  it('decodes a small folder once and cycles through it from the cache', async () => {
    await putPhotos(4);
    const source = await openFolder();
    const rows = await takeRows(source, 40);
    for (let round = 0; round < 10; round += 1) {
      const pictures = rows.slice(4 * round, 4 * round + 4).map(fingerprint);
      expect(new Set(pictures).size).toBe(4);
    }
    expect(source.stats).toMatchObject({ decoded: 4, cached: 36, skipped: 0 });
  });

  it('gives the same rows for the same seed, in another order for another', async () => {
    await putPhotos(5);
    const sequence = async (options: Partial<ImageSourceOptions>): Promise<string[]> =>
      (await takeRows(await openFolder(options), 15)).map(fingerprint);
    const expected = await sequence({ seed: 3 });
    expect(await sequence({ seed: 3, loadsInFlight: 1, cacheBytes: 0 })).toEqual(expected);
    expect(await sequence({ seed: 4 })).not.toEqual(expected);
  });

  it('keeps no more than the cache may hold', async () => {
    await putPhotos(3);
    const source = await openFolder({ cacheBytes: 2.5 * rowBytes, aheadRows: 1 });
    await takeRows(source, 12);
    expect(source.stats.cached).toBe(6); // 2 of 3 pictures, in 3 of 4 rounds
    const uncached = await openFolder({ cacheBytes: 0, aheadRows: 1 });
    await takeRows(uncached, 6);
    expect(uncached.stats.decoded).toBeGreaterThanOrEqual(6);
  });

  it('counts and names images that cannot be read, and serves the others', async () => {
    await putPhotos(3);
    const whole = await readFile(samplePhotos()[5] as string);
    await writeFile(join(folder, 'cut.jpg'), whole.subarray(0, whole.length >> 1));
    await writeFile(join(folder, 'text.jpg'), 'not a picture');
    await writeFile(join(folder, 'notes.txt'), 'not even called one');
    const source = await openFolder();
    const rows = await takeRows(source, 12);
    expect(new Set(rows.map(fingerprint)).size).toBe(3);
    expect(source.stats).toMatchObject({ decoded: 3, skipped: 2 });
    const examples = [...source.stats.skippedExamples].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(examples).toEqual([
      { name: 'cut.jpg', reason: 'the image data is damaged or cut off' },
      { name: 'text.jpg', reason: 'Input file contains unsupported image format' },
    ]);
  });

  it('refuses a folder in which nothing can be read', async () => {
    await writeFile(join(folder, 'a.jpg'), 'not a picture');
    await writeFile(join(folder, 'b.png'), '');
    await expect(openFolder()).rejects.toThrow(
      /none of the 2 images in ".*" can be read; [ab]\..*: Input file contains unsupported/,
    );
  });

  it('refuses a folder without images under the name of the option', async () => {
    await expect(openFolder({ what: '--input' })).rejects.toThrow(
      /^--input must hold images .* found nothing$/,
    );
  });

  it.each([
    [{ cacheBytes: -1 }, /cacheBytes must be .* received -1/],
    [{ cacheBytes: NaN }, /cacheBytes/],
    [{ loadsInFlight: 0 }, /loadsInFlight must be .* received 0/],
    [{ aheadRows: 0.5 }, /aheadRows must be .* received 0\.5/],
    [{ maxPixels: 0 }, /maxPixels must be .* received 0/],
  ])('refuses %o', async (options, message) => {
    await putPhotos(1);
    await expect(openFolder(options)).rejects.toThrow(message);
  });

  it('closes while images are being decoded', async () => {
    await putPhotos(8);
    const source = await openFolder({ aheadRows: 8, cacheBytes: 0 });
    source.take();
    const closing = source.close();
    expect(source.take()).toBeUndefined();
    await closing;
    const { decoded } = source.stats;
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.stats.decoded).toBe(decoded);
    expect(source.failure).toBeNull();
  });
});

describe('photoFolder', () => {
  it('holds the eight sample pictures, also when made twice at once', async () => {
    const [first, second] = await Promise.all([photoFolder(), photoFolder()]);
    expect(second).toBe(first);
    expect(await listImages(first)).toHaveLength(8);
  });
});
