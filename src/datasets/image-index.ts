import { basename, join, relative } from 'node:path';

/** The images of one folder, without those of its subfolders. */
export interface IndexedFolder {
  /** As given on from the root: `photos/n01440764`. */
  readonly path: string;
  /** Names of its images, sorted by code units. */
  readonly names: readonly string[];
}

/**
 * The images of a tree of folders, numbered from 0: folder by folder, sorted. It keeps names and no
 * paths, so that 1.28 million images take some 60 MB.
 */
export class ImageIndex {
  /** The folder that was asked for. */
  readonly root: string;
  readonly count: number;
  readonly folders: readonly IndexedFolder[];
  /** Number of the first image of each folder. */
  readonly #firsts: readonly number[];

  /** @param folders with an image each, at least */
  constructor(root: string, folders: readonly IndexedFolder[]) {
    this.root = root;
    this.folders = [...folders].sort((a, b) => (a.path < b.path ? -1 : 1));
    const firsts: number[] = [];
    let count = 0;
    for (const { names } of this.folders) {
      firsts.push(count);
      count += names.length;
    }
    this.#firsts = firsts;
    this.count = count;
  }

  pathOf(item: number): string {
    const { folder, name } = this.#find(item);
    return join(folder.path, name);
  }

  /** File name without its folder. */
  fileNameOf(item: number): string {
    return this.#find(item).name;
  }

  /** Path from the root. */
  nameOf(item: number): string {
    return relative(this.root, this.pathOf(item));
  }

  /** Names of the folders from the image's own up to the root, which counts too. */
  ancestorsOf({ path }: IndexedFolder): readonly string[] {
    const below = relative(this.root, path).split(/[\\/]/).reverse();
    return [...below.filter((name) => name !== ''), basename(this.root)];
  }

  #find(item: number): { folder: IndexedFolder; name: string } {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#firsts[middle] as number) <= item) low = middle;
      else high = middle - 1;
    }
    const folder = this.folders[low] as IndexedFolder;
    return { folder, name: folder.names[item - (this.#firsts[low] as number)] as string };
  }
}
