import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import { listImages } from './image-folder.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'image-folder-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function put(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), '');
  }
}

async function listed(): Promise<string[]> {
  return (await listImages(folder)).map((path) => relative(folder, path));
}

async function refusal(path: string, what?: string): Promise<DnnScalerError> {
  const error: unknown = await listImages(path, what).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DnnScalerError);
  return error as DnnScalerError;
}

describe('listImages', () => {
  it('finds images in subfolders, sorted, whatever the case of their extension', async () => {
    await put('b.JPG', 'a.png', 'B.webp', 'x/y/deep.jpeg', 'x/a.avif', 'readme.txt', 'noext');
    expect(await listed()).toEqual(['B.webp', 'a.png', 'b.JPG', 'x/a.avif', 'x/y/deep.jpeg']);
  });

  it('leaves out names with a dot in front and folders that look like images', async () => {
    await put('a.jpg', '._a.jpg', '.cache/b.jpg', 'folder.jpg/c.txt');
    expect(await listed()).toEqual(['a.jpg']);
  });

  it('follows links, each folder once, and counts an image that leads nowhere', async () => {
    await put('real/a.jpg');
    await symlink(join(folder, 'real/a.jpg'), join(folder, 'linked.jpg'));
    await symlink(join(folder, 'nowhere.jpg'), join(folder, 'broken.jpg'));
    await symlink(folder, join(folder, 'real/loop'));
    await symlink(join(folder, 'real'), join(folder, 'same'));
    expect(await listed()).toEqual(['broken.jpg', 'linked.jpg', 'real/a.jpg']);
  });

  it('refuses a folder that does not exist', async () => {
    const error = await refusal(join(folder, 'missing'), '--input');
    expect(error.code).toBe('not-found');
    expect(error.message).toMatch(
      /^--input must be a folder of images; ".*missing" does not exist$/,
    );
  });

  it('refuses a file', async () => {
    await put('a.jpg');
    const error = await refusal(join(folder, 'a.jpg'));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(/^the image folder .*a\.jpg" is not a folder$/);
    expect((await refusal(join(folder, 'a.jpg', 'b'))).code).toBe('invalid-argument');
  });

  it('says what it found where there are no images', async () => {
    await put('a.txt', 'b.txt', 'x/c.json');
    const error = await refusal(folder);
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(/holds no images: found 3 files \(\.json, \.txt\)$/);
  });

  it('says that an empty folder is empty', async () => {
    expect((await refusal(folder)).message).toMatch(/holds no images: found nothing$/);
  });
});
