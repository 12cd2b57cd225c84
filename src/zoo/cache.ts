import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { sha256OfFile } from './file-digest.ts';
import { unfinishedEnding, writeModelFile, writeTextFile } from './model-file.ts';
import type { BuildOptions } from './model-file.ts';
import { resolveOptions } from './network.ts';
import type { NetworkOptions } from './network.ts';
import { encodeModel } from './onnx/write.ts';
import type { EncodedModel } from './onnx/write.ts';
import { findNetwork } from './registry.ts';
import { withWeights } from './weight-files/with-weights.ts';

/**
 * Counts the ways in which weights have been made up. To be raised when the same graph and seed
 * come to give other weights; a change of the graph is noticed by itself.
 */
const weightsVersion = 4;

/** An unfinished file that nobody has touched for so long belongs to a process that was killed. */
const abandonedAfterMs = 3_600_000;

export interface CacheOptions extends BuildOptions {
  /** Where to keep files; default `cacheDirectory()`. */
  readonly directory?: string;
}

/**
 * The directory that keeps built models: `DNNSCALER_CACHE_DIR`, else `dnnscaler` in
 * `XDG_CACHE_HOME`, else `~/.cache/dnnscaler`. Everything in it can be made again.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { DNNSCALER_CACHE_DIR: own = '', XDG_CACHE_HOME: shared = '' } = environment;
  if (own !== '') return own;
  return join(shared === '' ? join(homedir(), '.cache') : shared, 'dnnscaler');
}

/**
 * The path of a network's file in the cache, built if it is not there or not whole. Progress is
 * told only while building. Two processes may do this at once: both write the same bytes under
 * names of their own, and whichever finishes last replaces the other's file by its equal.
 *
 * The file's name carries a digest of the graph, the seed or the weights file, and the options, so networks that differ
 * in anything never share a file. A checksum beside it tells a torn file from a whole one.
 *
 * @throws DnnScalerError `not-found` for an unknown name; `invalid-argument` when the directory
 *   cannot be used or the weights file is no good; `resource-exhausted` when the disk is full
 */
export async function cachedModel(name: string, options: CacheOptions = {}): Promise<string> {
  const directory = options.directory ?? cacheDirectory();
  const network = findNetwork(name);
  return withWeights(network, options, async (resolved) => {
    const model = encodeModel(network.build(resolved));
    const path = join(directory, `${name}-${keyOf(model, resolved)}.onnx`);
    if (await isWhole(path)) return path;
    await removeAbandoned(directory);
    const sha256 = await writeModelFile(model, path, options);
    await writeTextFile(checksumPath(path), `${sha256}\n`);
    return path;
  });
}

function keyOf(model: EncodedModel, options: NetworkOptions): string {
  const hash = createHash('sha256');
  const { weights, ...rest } = resolveOptions(options);
  hash.update(JSON.stringify([weightsVersion, weights.key, rest]));
  for (const part of model.structure) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

async function isWhole(path: string): Promise<boolean> {
  const expected = await readFile(checksumPath(path), 'utf8').catch(() => undefined);
  return expected !== undefined && expected.trim() === (await sha256OfFile(path));
}

function checksumPath(path: string): string {
  return `${path}.sha256`;
}

async function removeAbandoned(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const nowMs = systemClock.timeOfDayMs();
  for (const name of names.filter((one) => one.endsWith(unfinishedEnding))) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && nowMs - found.mtimeMs > abandonedAfterMs) {
      await rm(path, { force: true });
    }
  }
}
