import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writev, writevSync } from 'node:fs';

/** The file descriptor, in the process of an instance, of the file that it shares with the engine. */
export const sharedFileFd = 4;

/** A file system that is memory, on Linux. */
const memoryFolder = '/dev/shm';

/** Up to so many bytes are written at once: that takes less time than to have another thread do it. */
const mostAtOnce = 2 ** 20;

/**
 * Memory that this process writes and another, which inherits the descriptor, reads: a file without
 * a name, in a file system that is memory. A batch of some hundred kilobytes does not fit into a
 * socket's buffer, so both ends take turns until it is through; here it is written in one go, large ones
 * by a thread of the runtime's. It goes with the last process that has it open.
 */
export class SharedFile {
  readonly fd: number;
  #writing = 0;
  #closed = false;

  /** @param fd of a file opened for reading and writing; it is closed with this */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** Undefined where there is no such file system, or no room for another file. */
  static open(folder = memoryFolder): SharedFile | undefined {
    const path = `${folder}/dnnscaler-${randomUUID()}`;
    try {
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return new SharedFile(fd);
    } catch {
      return undefined;
    }
  }

  /**
   * Writes pieces, one after the other. They have to stay as they are until `done`, which may come
   * before the call returns.
   *
   * @param done told whether all of it was written, which takes room in memory
   */
  write(
    pieces: readonly Uint8Array[],
    bytes: number,
    position: number,
    done: (isWritten: boolean) => void,
  ): void {
    if (bytes <= mostAtOnce) {
      done(this.#writeAtOnce(pieces, position) === bytes);
      return;
    }
    this.#writing += 1;
    writev(this.fd, pieces, position, (error, written) => {
      this.#writing -= 1;
      if (this.#closed) this.close();
      done(error === null && written === bytes);
    });
  }

  /** Frees it, once what is being written has been. */
  close(): void {
    this.#closed = true;
    if (this.#writing === 0) closeSync(this.fd);
  }

  #writeAtOnce(pieces: readonly Uint8Array[], position: number): number {
    try {
      return writevSync(this.fd, pieces, position);
    } catch {
      return 0;
    }
  }
}
