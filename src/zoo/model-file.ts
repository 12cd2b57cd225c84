import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';
import type { NetworkOptions } from './network.ts';
import { encodeModel } from './onnx/write.ts';
import type { EncodedModel } from './onnx/write.ts';
import { findNetwork } from './registry.ts';

/** Ending of files that are not finished yet; `NAME.onnx.RANDOM.tmp`. */
export const unfinishedEnding = '.tmp';

export interface WriteOptions {
  /** Told how much of the file is written, a share from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/**
 * Builds a network as `DIR/NAME.onnx`, making the directory if need be. The file appears whole or
 * not at all, and the same seed and options give the same bytes.
 *
 * @returns the path of the file
 * @throws DnnScalerError `not-found` for an unknown name; `invalid-argument` when the directory
 *   cannot be written; `resource-exhausted` when the disk is full
 */
export async function buildToFile(
  name: string,
  directory: string,
  options: NetworkOptions & WriteOptions = {},
): Promise<string> {
  const path = join(directory, `${name}.onnx`);
  await writeModelFile(encodeModel(findNetwork(name).build(options)), path, options);
  return path;
}

/**
 * Writes a model through a temporary file beside it, flushed before it takes its name.
 *
 * @returns the SHA-256 of the file, in hexadecimal
 */
export async function writeModelFile(
  model: EncodedModel,
  path: string,
  { onProgress }: WriteOptions = {},
): Promise<string> {
  const hash = createHash('sha256');
  await writeAtomically(path, async (unfinished) => {
    const file = await open(unfinished, 'wx');
    try {
      let written = 0;
      for (const chunk of model.chunks()) {
        hash.update(chunk);
        await file.writeFile(chunk);
        written += chunk.length;
        onProgress?.(written / model.bytes);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  });
  return hash.digest('hex');
}

/** Writes a small text file that appears whole or not at all. */
export function writeTextFile(path: string, text: string): Promise<void> {
  return writeAtomically(path, (unfinished) => writeFile(unfinished, text, { flag: 'wx' }));
}

/** The SHA-256 of a file in hexadecimal, or undefined when there is no such file. */
export async function sha256OfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Uint8Array);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(path, 'read', error);
  }
  return hash.digest('hex');
}

async function writeAtomically(
  path: string,
  write: (unfinished: string) => Promise<void>,
): Promise<void> {
  const unfinished = `${path}.${randomUUID()}${unfinishedEnding}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await write(unfinished);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {
      // The first error is the one to tell; what is left is swept by its ending.
    });
    throw fileError(path, 'write', error);
  }
}

/** Errors of the file system as ours; any other passes through unchanged. */
function fileError(path: string, action: 'read' | 'write', cause: unknown): Error {
  if (!(cause instanceof Error)) return toDnnScalerError(cause);
  if (!('syscall' in cause)) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new DnnScalerError(
    code === 'ENOSPC' ? 'resource-exhausted' : 'invalid-argument',
    `cannot ${action} ${path}: ${message}`,
    { cause },
  );
}
