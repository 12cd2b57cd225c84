import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';

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

/** Errors of the file system as ours; any other passes through unchanged. */
export function fileError(path: string, action: 'read' | 'write', cause: unknown): Error {
  if (!(cause instanceof Error)) return toDnnScalerError(cause);
  if (!('syscall' in cause)) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new DnnScalerError(
    code === 'ENOSPC' ? 'resource-exhausted' : 'invalid-argument',
    `cannot ${action} ${path}: ${message}`,
    { cause },
  );
}
