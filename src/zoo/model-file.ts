import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileError } from './file-digest.ts';
import type { NetworkOptions } from './network.ts';
import { encodeModel } from './onnx/write.ts';
import type { EncodedModel } from './onnx/write.ts';
import { findNetwork } from './registry.ts';
import { withWeights } from './weight-files/with-weights.ts';
import type { WeightFileOptions } from './weight-files/with-weights.ts';

/** Ending of files that are not finished yet; `NAME.onnx.RANDOM.tmp`. */
export const unfinishedEnding = '.tmp';

export interface WriteOptions {
  /** Told how much of the file is written, a share from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** What to build, with which weights, and who is told. */
export type BuildOptions = NetworkOptions & WeightFileOptions & WriteOptions;

/**
 * Builds a network as `DIR/NAME.onnx`, making the directory if need be. The file appears whole or
 * not at all, and the same seed and options give the same bytes.
 *
 * @returns the path of the file
 * @throws DnnScalerError `not-found` for an unknown name; `invalid-argument` when the directory
 *   cannot be written or the weights file is no good; `resource-exhausted` when the disk is full
 */
export async function buildToFile(
  name: string,
  directory: string,
  options: BuildOptions = {},
): Promise<string> {
  const path = join(directory, `${name}.onnx`);
  const network = findNetwork(name);
  await withWeights(network, options, (resolved) =>
    writeModelFile(encodeModel(network.build(resolved)), path, options),
  );
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
