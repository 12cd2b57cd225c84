import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DnnScalerError } from '../../errors.ts';

/** Reads parts of a file, each in one piece. Synchronous, as weights are read while a file is written. */
export class FileBytes {
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  readonly #descriptor: number;

  /** @throws DnnScalerError `not-found` or `invalid-argument` when there is no such file to read */
  constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, 'r');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new DnnScalerError(
        code === 'ENOENT' ? 'not-found' : 'invalid-argument',
        `cannot read ${path}: ${message}`,
        { cause: error },
      );
    }
    const found = fstatSync(this.#descriptor);
    this.size = found.size;
    if (found.isFile()) return;
    this.close();
    throw this.fault('it is not a file');
  }

  /** @throws DnnScalerError `invalid-argument` when the file ends before, naming what was read */
  read(offset: number, length: number, what: string): Buffer {
    if (offset + length > this.size) {
      throw this.fault(
        `${what} would end at byte ${offset + length}, but the file has ${this.size}; is it whole?`,
      );
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      // One read brings 2 GiB at most.
      const wanted = Math.min(length - done, 1 << 30);
      const got = readSync(this.#descriptor, bytes, done, wanted, offset + done);
      if (got === 0) throw this.fault(`it became shorter while ${what} was read`);
      done += got;
    }
    return bytes;
  }

  /** The error that says what is wrong with this file. */
  fault(problem: string, cause?: unknown): DnnScalerError {
    const options = cause === undefined ? {} : { cause };
    return new DnnScalerError('invalid-argument', `weights file ${this.path}: ${problem}`, options);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
