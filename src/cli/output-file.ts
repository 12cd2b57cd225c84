import { constants } from 'node:fs';
import { access, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';

/**
 * Before long work whose outcome goes into files: each can be written, as things are.
 *
 * @param files by option; those not asked for are undefined
 * @throws DnnScalerError `invalid-argument` for the first that cannot be written
 */
export async function requireWritable(
  files: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  for (const [option, file] of Object.entries(files)) {
    if (file === undefined) continue;
    try {
      await tryAccess(file);
    } catch (error) {
      throw notWritable(option, error);
    }
  }
}

async function tryAccess(file: string): Promise<void> {
  if (file === '' || /[/\\]$/.test(file)) throw new Error(`${JSON.stringify(file)} names no file`);
  const found = await stat(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isDirectory() === true) throw new Error(`${JSON.stringify(file)} is a folder`);
  await access(found === undefined ? dirname(file) : file, constants.W_OK);
}

/**
 * Writes each that is wanted, whatever becomes of the others.
 *
 * @throws DnnScalerError that tells of all that failed, with the code of the first
 */
export async function writeInTurn(
  ...writes: readonly (false | (() => Promise<void>))[]
): Promise<void> {
  const failures: DnnScalerError[] = [];
  for (const write of writes) {
    if (write === false) continue;
    try {
      await write();
    } catch (error) {
      failures.push(toDnnScalerError(error));
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) throw first;
  const message = failures.map((failure) => failure.message).join('; ');
  throw new DnnScalerError(first.code, message, { cause: first });
}

/** @throws DnnScalerError `invalid-argument` when the file cannot be written */
export async function writeOutput(option: string, file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw notWritable(option, error);
  }
}

function notWritable(option: string, error: unknown): DnnScalerError {
  const { message } = toDnnScalerError(error);
  return new DnnScalerError('invalid-argument', `${option} cannot be written: ${message}`, {
    cause: error,
  });
}
