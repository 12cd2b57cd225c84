import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import { sha256OfFile } from '../../zoo/file-digest.ts';

/**
 * Checks that writing to `out` takes nothing away: neither the model nor its weights, nor, unless
 * forced, anything else.
 *
 * @param weights files with weights, as the model names them
 * @throws DnnScalerError `invalid-argument` when it would
 */
export async function requireFreeTarget(
  path: string,
  out: string,
  weights: readonly string[],
  force: boolean,
): Promise<void> {
  const found = await stat(out).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isFile()) throw invalidArgument('the file to write', 'must be no folder', out);
  const kept = [path, ...weights.map((each) => join(dirname(path), each))];
  for (const each of kept) {
    const other = await stat(each).catch(() => undefined);
    const same = other?.ino === found.ino && other.dev === found.dev;
    if (same)
      throw invalidArgument('the file to write', 'must not be the model or its weights', out);
  }
  if (!force) {
    throw invalidArgument(
      'the file to write',
      'must not be there yet, unless --force is given',
      out,
    );
  }
}

/**
 * Copies the files with weights so that the new model finds them as the old one does. Those that
 * are there already, alike, stay.
 *
 * @returns those that were copied, as the model names them
 * @throws DnnScalerError `invalid-argument` for a file of another content in the way, a file that
 *   is missing, or a folder that cannot be written
 */
export async function copyWeights(
  path: string,
  out: string,
  weights: readonly string[],
): Promise<readonly string[]> {
  const [from, to] = [dirname(path), dirname(out)];
  await inFolder(to, () => mkdir(to, { recursive: true }));
  if ((await realpath(from)) === (await realpath(to))) return [];
  const copied: string[] = [];
  try {
    for (const name of weights) {
      const target = join(to, name);
      if (relative(resolve(to), resolve(target)).startsWith('..')) {
        throw invalidArgument('a file with weights', `must lie beside or below ${path}`, name);
      }
      if (await copyOne(join(from, name), target)) copied.push(name);
    }
  } catch (thrown) {
    for (const name of copied) await rm(join(to, name), { force: true });
    throw thrown;
  }
  return copied;
}

async function copyOne(source: string, target: string): Promise<boolean> {
  const wanted = await sha256OfFile(source);
  if (wanted === undefined)
    throw new DnnScalerError('not-found', `the weights ${source} are missing`);
  const there = await sha256OfFile(target);
  if (there === wanted) return false;
  if (there !== undefined) {
    throw invalidArgument('a file with weights', 'must not replace one of other content', target);
  }
  await inFolder(target, async () => {
    const unfinished = `${target}.${randomUUID()}.unfinished`;
    await mkdir(dirname(target), { recursive: true });
    try {
      await copyFile(source, unfinished, constants.COPYFILE_FICLONE);
      await rename(unfinished, target);
    } finally {
      await rm(unfinished, { force: true });
    }
  });
  return true;
}

async function inFolder(path: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new DnnScalerError(
      code === 'ENOSPC' ? 'resource-exhausted' : 'invalid-argument',
      `cannot write ${path}: ${message}`,
      { cause },
    );
  }
}
