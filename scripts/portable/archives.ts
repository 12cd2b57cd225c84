import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../npm.ts';

/** One archive of those that a folder was packed into. */
export interface Archive {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A file that is larger than an archive, and so travels in pieces `PATH.001`, `PATH.002`, ... */
export interface SplitFile {
  /** Within the folder, with `/`. */
  readonly path: string;
  readonly pieces: number;
  readonly sha256: string;
}

export interface Packed {
  readonly archives: readonly Archive[];
  readonly splitFiles: readonly SplitFile[];
}

export interface PackOptions {
  /** What is packed; archives hold its files under its own name. */
  readonly folder: string;
  /** Where the archives go. */
  readonly target: string;
  /** Archives are `PREFIX.01.tar.gz`, `PREFIX.02.tar.gz`, ... */
  readonly prefix: string;
  /** Largest archive, in bytes. */
  readonly limitBytes: number;
}

interface Item {
  readonly path: string;
  /** What it takes in an archive, at most. */
  readonly bytes: number;
}

/** Headers and padding of tar, and what gzip may add. */
const overheadBytes = 2048;
/** Files compress a little worse one after another than each alone: so much of an archive is left empty. */
const spareShare = 0.005;
/** Below this size a file is not compressed to learn what it takes. */
const smallBytes = 65_536;

/**
 * Packs a folder into as few gzipped tar files as a first fit gives, each within the limit and each
 * to be extracted on its own with `tar xzf`. The same files give the same bytes.
 *
 * @throws Error when tar fails
 */
export function packFolder({ folder, target, prefix, limitBytes }: PackOptions): Packed {
  const parent = path.dirname(folder);
  const aimBytes = Math.floor((1 - spareShare) * limitBytes);
  const splitFiles: SplitFile[] = [];
  const items = filesIn(folder, parent).flatMap((file): Item[] => {
    const full = path.join(parent, file);
    const { size } = statSync(full);
    if (size <= smallBytes) return [{ path: file, bytes: size + overheadBytes }];
    const content = readFileSync(full);
    const bytes = compressedBytes(content);
    if (bytes <= aimBytes) return [{ path: file, bytes }];
    const pieces = split(content, bytes, aimBytes);
    splitFiles.push({
      path: path.relative(folder, full),
      pieces: pieces.length,
      sha256: sha256(content),
    });
    rmSync(full);
    return pieces.map((piece, index) => {
      const name = `${file}.${String(index + 1).padStart(3, '0')}`;
      writeFileSync(path.join(parent, name), piece.content);
      return { path: name, bytes: piece.bytes };
    });
  });
  mkdirSync(target, { recursive: true });
  const archives = fill(items, aimBytes).map((files, index) => {
    const name = `${prefix}.${String(index + 1).padStart(2, '0')}.tar.gz`;
    return writeArchive(path.join(target, name), parent, files);
  });
  const tooLarge = archives.find(({ bytes }) => bytes > limitBytes);
  if (tooLarge !== undefined) throw new Error(`${tooLarge.name} has ${tooLarge.bytes} bytes`);
  return { archives, splitFiles };
}

/** What `unpack.sh` needs to know, and the script itself, beside the archives. */
export function writeUnpacker(
  target: string,
  { archives, splitFiles }: Packed,
  options: { readonly script: string; readonly folderName: string },
): void {
  copyFileSync(options.script, path.join(target, 'unpack.sh'));
  const lines = [
    `folder ${options.folderName}`,
    ...archives.map(({ name, sha256: sum }) => `archive ${sum} ${name}`),
    ...splitFiles.map(({ path: file, pieces, sha256: sum }) => `join ${sum} ${pieces} ${file}`),
  ];
  writeFileSync(path.join(target, 'MANIFEST'), `${lines.join('\n')}\n`);
}

function filesIn(folder: string, parent: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(parent, path.join(entry.parentPath, entry.name)))
    .sort();
}

function compressedBytes(content: Buffer): number {
  return gzipSync(content).length + overheadBytes;
}

/** Equal pieces, as many as it takes for each to fit. */
function split(
  content: Buffer,
  bytes: number,
  limitBytes: number,
): readonly { readonly content: Buffer; readonly bytes: number }[] {
  for (let count = Math.ceil(bytes / limitBytes); ; count += 1) {
    const length = Math.ceil(content.length / count);
    const pieces: { content: Buffer; bytes: number }[] = [];
    while (pieces.length < count) {
      const piece = content.subarray(pieces.length * length, (pieces.length + 1) * length);
      pieces.push({ content: piece, bytes: compressedBytes(piece) });
      if ((pieces.at(-1)?.bytes ?? 0) > limitBytes) break;
    }
    if (pieces.every((piece) => piece.bytes <= limitBytes)) return pieces;
  }
}

function fill(items: readonly Item[], limitBytes: number): readonly (readonly string[])[] {
  const bins: { files: string[]; leftBytes: number }[] = [];
  for (const { path: file, bytes } of items.toSorted((a, b) => b.bytes - a.bytes)) {
    const bin = bins.find(({ leftBytes }) => leftBytes >= bytes);
    if (bin === undefined) bins.push({ files: [file], leftBytes: limitBytes - bytes });
    else {
      bin.files.push(file);
      bin.leftBytes -= bytes;
    }
  }
  return bins.map(({ files }) => files.toSorted());
}

function writeArchive(file: string, parent: string, files: readonly string[]): Archive {
  const list = `${file}.files`;
  writeFileSync(list, files.join('\n'));
  // Without a name and a time in its header, gzip gives the same bytes for the same files.
  const options = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  const ran = run('tar', ['-C', parent, ...options, '-czf', file, '-T', list], { cwd: parent });
  rmSync(list);
  if (ran.status !== 0) throw new Error(`tar failed: ${ran.output}`);
  const content = readFileSync(file);
  return { name: path.basename(file), bytes: content.length, sha256: sha256(content) };
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
