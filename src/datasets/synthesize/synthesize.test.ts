import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../random.ts';
import { indexImages } from '../image-folder.ts';
import type { DatasetName } from '../labels.ts';
import { findLabels } from '../labels.ts';
import { encodePhoto } from './encode-photo.ts';
import { makePhoto } from './photo.ts';
import { planPhoto, publishedAverages } from './statistics.ts';
import { flatLabelsFile, synthesizeDataset, type SynthesizeOptions } from './synthesize.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synthesize-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const make = (options: Partial<SynthesizeOptions> = {}): ReturnType<typeof synthesizeDataset> =>
  synthesizeDataset({ dataset: 'caltech256', folder, count: 3, seed: 1, ...options });

async function contents(root: string): Promise<Record<string, string>> {
  const images = await indexImages(root);
  const entries = Array.from({ length: images.count }, async (_, item) => [
    images.nameOf(item),
    (await readFile(images.pathOf(item))).toString('base64'),
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
}

describe('the plans of photographs', () => {
  it.each(['imagenet', 'caltech256'] as const)(
    'have the averages of %s',
    (dataset: DatasetName) => {
      const random = new Random(1);
      const plans = Array.from({ length: 50_000 }, () => planPhoto(dataset, random));
      const wanted = publishedAverages[dataset];
      for (const what of ['width', 'height', 'bytes'] as const) {
        const mean = plans.reduce((sum, plan) => sum + plan[what], 0) / plans.length;
        expect(Math.abs(mean / wanted[what] - 1), what).toBeLessThan(0.03);
      }
      expect(plans.some(({ isGrey }) => isGrey)).toBe(true);
    },
  );
});

describe('encodePhoto', () => {
  it('comes near the size that is asked for', async () => {
    const photo = makePhoto(new Random(1), { width: 200, height: 150, detail: 20 });
    for (const perPixel of [0.25, 0.4, 0.6]) {
      const bytes = 200 * 150 * perPixel;
      const file = await encodePhoto(photo, { bytes, isGrey: false });
      expect(Math.abs(file.length / bytes - 1)).toBeLessThan(0.1);
    }
  });

  it('writes one channel for a grey picture', async () => {
    const photo = makePhoto(new Random(1), { width: 40, height: 30, detail: 20 });
    const file = await encodePhoto(photo, { bytes: 500, isGrey: true });
    expect(await sharp(file).metadata()).toMatchObject({ space: 'b-w', width: 40, height: 30 });
  });
});

describe('synthesizeDataset', () => {
  it('writes folders of classes that are recognized as the dataset', async () => {
    expect(await make()).toMatchObject({ images: 3, isCancelled: false });
    const images = await indexImages(folder);
    expect(await findLabels(images)).toMatchObject({ dataset: 'caltech256', known: 3 });
    for (let item = 0; item < images.count; item += 1) {
      expect(images.nameOf(item)).toMatch(/^(\d{3})\.[^/]+\/\1_\d{4}\.jpg$/);
    }
  });

  it('writes ImageNet flat, with the classes beside it', async () => {
    await make({ dataset: 'imagenet', layout: 'flat', count: 2 });
    const labels = await findLabels(await indexImages(folder), join(folder, flatLabelsFile));
    expect(labels).toMatchObject({ dataset: 'imagenet', known: 2 });
    expect((await readdir(folder)).sort()).toEqual([
      'ILSVRC2012_val_00000001.JPEG',
      'ILSVRC2012_val_00000002.JPEG',
      flatLabelsFile,
    ]);
  });

  it('makes the same images for a seed, the first ones of any count', async () => {
    await make({ folder: join(folder, 'a'), count: 2 });
    await make({ folder: join(folder, 'b'), count: 3 });
    await make({ folder: join(folder, 'c'), count: 2, seed: 2 });
    const a = await contents(join(folder, 'a'));
    expect(await contents(join(folder, 'b'))).toMatchObject(a);
    expect(await contents(join(folder, 'c'))).not.toEqual(a);
  });

  it('refuses a folder that holds something unless asked', async () => {
    await writeFile(join(folder, 'mine.txt'), 'mine');
    await expect(make()).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await readdir(folder)).toEqual(['mine.txt']);
    await make({ count: 1, intoUsed: true });
    expect(await readFile(join(folder, 'mine.txt'), 'utf8')).toBe('mine');
  });

  it('ends early when it is cancelled, with whole files only', async () => {
    let asked = 0;
    const made = await make({
      count: 50,
      isCancelled: () => {
        asked += 1;
        return asked > 2;
      },
    });
    expect(made).toMatchObject({ isCancelled: true, images: 2 });
    const images = await indexImages(folder);
    expect(images.count).toBe(2);
    for (let item = 0; item < 2; item += 1) await sharp(images.pathOf(item)).stats();
  });

  it.each([
    [{ count: 0 }, /count of images/],
    [{ layout: 'flat' }, /layout/],
  ] as const)('refuses %j', async (options, message) => {
    await expect(make(options)).rejects.toThrow(message);
  });

  it('ends with the error when an image in the middle cannot be written, and leaves none torn', async () => {
    await mkdir(join(folder, 'ILSVRC2012_val_00000002.JPEG'));
    const options = { dataset: 'imagenet', layout: 'flat', count: 8, intoUsed: true } as const;
    await expect(make(options)).rejects.toThrow(/cannot be written/);
    const names = await readdir(folder);
    expect(names.filter((name) => name.startsWith('.unfinished'))).toEqual([]);
    expect(names).not.toContain('synset_labels.txt');
  });

  it('says what is wrong with a place that cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(make({ folder: join(folder, 'file') })).rejects.toThrow(/cannot be written/);
  });
});
