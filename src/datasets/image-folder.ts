import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';
import { ImageIndex, type IndexedFolder } from './image-index.ts';

/**
 * Names that count as images: what sharp's prebuilt libvips decodes, less SVG (a drawing, whose
 * pixels depend on how it is rendered).
 */
export const imageExtensions: readonly string[] = [
  '.avif',
  '.gif',
  '.jfif',
  '.jpe',
  '.jpeg',
  '.jpg',
  '.png',
  '.tif',
  '.tiff',
  '.webp',
];

/**
 * Finds the images in a folder and its subfolders; their order is the same on every machine. Links
 * are followed, each folder once; names that start with a dot are left out (among them the
 * `._name.jpg` files that macOS leaves behind, which hold no image). No image is opened.
 *
 * @param what name of the option, for the error messages
 * @throws DnnScalerError `not-found` when there is no such folder; `invalid-argument` when it is no
 *   folder, cannot be read, or holds no images
 */
export async function indexImages(folder: string, what = 'the image folder'): Promise<ImageIndex> {
  await requireFolder(folder, what);
  const known = new Set(imageExtensions);
  const found: IndexedFolder[] = [];
  const others: string[] = [];
  const visited = new Set<string>();
  const pending = [folder];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const resolved = await realpath(path);
    if (visited.has(resolved)) continue;
    visited.add(resolved);
    const names: string[] = [];
    for (const entry of await entriesOf(path, what)) {
      const kind = entry.isSymbolicLink()
        ? await kindOfLink(join(path, entry.name))
        : kindOf(entry);
      if (kind === 'folder') pending.push(join(path, entry.name));
      else if (kind === 'file') {
        (known.has(extname(entry.name).toLowerCase()) ? names : others).push(entry.name);
      }
    }
    if (names.length > 0) found.push({ path, names: names.reverse() });
  }
  if (found.length === 0) {
    throw new DnnScalerError(
      'invalid-argument',
      `${what} must hold images (${imageExtensions.join(', ')}); ` +
        `${JSON.stringify(folder)} holds no images: found ${describeFiles(others)}`,
    );
  }
  return new ImageIndex(folder, found);
}

/** Paths of the images in a folder and its subfolders, in the order of `indexImages`. */
export async function listImages(folder: string, what?: string): Promise<string[]> {
  const index = await indexImages(folder, what);
  return Array.from({ length: index.count }, (_, item) => index.pathOf(item));
}

async function requireFolder(folder: string, what: string): Promise<void> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(folder)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(folder, what, error);
    throw new DnnScalerError(
      'not-found',
      `${what} must be a folder of images; ${JSON.stringify(folder)} does not exist`,
      { cause: error },
    );
  }
  if (isFolder) return;
  throw new DnnScalerError(
    'invalid-argument',
    `${what} must be a folder of images; ${JSON.stringify(folder)} is not a folder`,
  );
}

/** Sorted in reverse, since folders are taken from the end: the first name is walked first. */
async function entriesOf(folder: string, what: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? 1 : -1));
  } catch (error) {
    throw unreadable(folder, what, error);
  }
}

type Kind = 'file' | 'folder' | 'neither';

async function kindOfLink(path: string): Promise<Kind> {
  try {
    return kindOf(await stat(path));
  } catch {
    // It leads nowhere. One with the name of an image will turn out to be none, and be counted.
    return 'file';
  }
}

function kindOf(node: Pick<Dirent, 'isFile' | 'isDirectory'>): Kind {
  if (node.isDirectory()) return 'folder';
  return node.isFile() ? 'file' : 'neither';
}

function unreadable(folder: string, what: string, error: unknown): DnnScalerError {
  const { message } = toDnnScalerError(error);
  return new DnnScalerError(
    'invalid-argument',
    `${what} must be a folder that can be read; ${JSON.stringify(folder)}: ${message}`,
    { cause: error },
  );
}

/** `3 files (.txt)`, `nothing`. */
function describeFiles(paths: readonly string[]): string {
  if (paths.length === 0) return 'nothing';
  const extensions = [...new Set(paths.map((path) => extname(path) || 'no extension'))].sort();
  const shown = extensions.slice(0, 5).join(', ');
  const more = extensions.length > 5 ? ', ...' : '';
  return `${paths.length} file${paths.length === 1 ? '' : 's'} (${shown}${more})`;
}
