import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import { caltech256Folders, imageNetClasses } from './class-lists.ts';
import { indexImages } from './image-folder.ts';
import type { ImageIndex } from './image-index.ts';
import { findLabels, type Labels } from './labels.ts';

let folder: string;
let images: ImageIndex;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labels-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Empty files will do: no image is opened for its label. */
async function put(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), '');
  }
}

async function labelsWith(text?: string): Promise<Labels> {
  images = await indexImages(folder);
  if (text === undefined) return findLabels(images);
  const file = join(folder, 'labels.txt');
  await writeFile(file, text);
  return findLabels(images, file);
}

function classes({ classOf }: Labels): Record<string, number | undefined> {
  return Object.fromEntries(
    Array.from({ length: images.count }, (_, item) => [images.nameOf(item), classOf(item)]),
  );
}

async function refusal(text: string): Promise<string> {
  const error: unknown = await labelsWith(text).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DnnScalerError);
  return (error as DnnScalerError).message;
}

describe('the lists of classes', () => {
  it('hold each class once, ImageNet in the order of its WordNet ids', () => {
    const { synsets, classOf, classOfId } = imageNetClasses();
    expect(synsets).toHaveLength(1000);
    expect([...synsets].sort()).toEqual(synsets);
    expect(classOf.get('n01440764')).toBe(0);
    expect(classOf.get('n15075141')).toBe(999);
    expect([...classOfId].sort((a, b) => a - b)).toEqual(synsets.map((_, index) => index));
  });

  it('know the official numbers: the first validation images are 490, 361, 171, 822 and 297', () => {
    // Classes of the first five by imagenet_2012_validation_synset_labels.txt of TF-Slim.
    const { synsets, classOfId } = imageNetClasses();
    const named = [490, 361, 171, 822, 297].map((id) => synsets[classOfId[id - 1] as number]);
    expect(named).toEqual(['n01751748', 'n09193705', 'n02105855', 'n04263257', 'n03125729']);
  });

  it('number the folders of Caltech-256 as they are named', () => {
    const folders = caltech256Folders();
    expect(folders).toHaveLength(257);
    expect(folders.map((name) => Number(name.slice(0, 3)))).toEqual(folders.map((_, i) => i + 1));
    expect(new Set(folders).size).toBe(257);
  });
});

describe('findLabels by folders', () => {
  it('takes synsets for ImageNet, however deep, and leaves other folders without a class', async () => {
    await put('train/n01440764/n01440764_1.JPEG', 'train/n01443537/more/a.JPEG', 'other/b.JPEG');
    const labels = await labelsWith();
    expect(labels).toMatchObject({ dataset: 'imagenet', known: 2 });
    expect(classes(labels)).toEqual({
      'train/n01440764/n01440764_1.JPEG': 0,
      'train/n01443537/more/a.JPEG': 1,
      'other/b.JPEG': undefined,
    });
  });

  it('takes the categories of Caltech-256', async () => {
    await put('001.ak47/001_0001.jpg', '257.clutter/257_0001.jpg', '999.nothing/a.jpg');
    const labels = await labelsWith();
    expect(labels).toMatchObject({ dataset: 'caltech256', known: 2 });
    expect(classes(labels)).toMatchObject({
      '001.ak47/001_0001.jpg': 0,
      '257.clutter/257_0001.jpg': 256,
    });
  });

  it('takes one class alone, whose folder is the one that was asked for', async () => {
    folder = join(folder, 'n01443537');
    await put('a.JPEG');
    expect(classes(await labelsWith())).toEqual({ 'a.JPEG': 1 });
    folder = dirname(folder);
  });

  it('knows the validation images by their names, not their classes', async () => {
    await put('ILSVRC2012_val_00000001.JPEG');
    expect(await labelsWith()).toMatchObject({ dataset: 'imagenet', known: 0 });
  });

  it('says nothing of any other folder', async () => {
    await put('holiday.jpg', 'n0144/a.jpg');
    expect(await labelsWith()).toMatchObject({ dataset: null, known: 0 });
  });
});

describe('findLabels by a file', () => {
  const second = 'ILSVRC2012_val_00000002.JPEG';
  const third = 'val/ILSVRC2012_val_00000003.JPEG';

  it('reads a synset a line, by the number of the image', async () => {
    await put(second, third);
    const labels = await labelsWith('n01440764\nn01443537\nn15075141\n');
    expect(classes(labels)).toEqual({ [second]: 1, [third]: 999 });
  });

  it('reads the official ground truth', async () => {
    await put(second, third);
    expect(classes(await labelsWith('490\r\n361\r\n171\r\n'))).toEqual({
      [second]: imageNetClasses().classOf.get('n09193705'),
      [third]: imageNetClasses().classOf.get('n02105855'),
    });
  });

  it('reads names with classes or synsets, in any order', async () => {
    await put(second, third, 'x.jpg');
    const labels = await labelsWith(
      'ImageId,PredictionString\nILSVRC2012_val_00000003,n01443537 85 1 499 272\nval/none.JPEG 7\nx.jpg 65\n',
    );
    expect(classes(labels)).toEqual({ [second]: undefined, [third]: 1, 'x.jpg': 65 });
  });

  it('takes lines in the order of the images where those have other names', async () => {
    await put('b.jpg', 'a.jpg');
    expect(classes(await labelsWith('n01443537\nn01440764'))).toEqual({ 'a.jpg': 1, 'b.jpg': 0 });
    expect(await refusal('n01443537')).toMatch(/1 lines for 2 images/);
  });

  it.each([
    ['', /it is empty/],
    ['n01440764\nn99999999', /line 2 must be one of ImageNet's synsets; received "n99999999"/],
    ['12\n0', /line 2 must be an ILSVRC2012_ID from 1 to 1000; received 0/],
    ['n01440764\n12', /line 2 is a number, those before are a synset/],
    ['a.jpg 1000', /line 1 must have a class from 0 to 999/],
    ['other.jpg 3', /must name images of/],
    ['\u0000\u0001\u0002', /must be one of ImageNet's synsets/],
  ])('refuses %j', async (text, message) => {
    await put('a.jpg');
    expect(await refusal(text)).toMatch(message);
  });

  it('refuses a file that is not there', async () => {
    await put('a.jpg');
    const error: unknown = await findLabels(await indexImages(folder), join(folder, 'none')).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'not-found' });
  });
});
