import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, statfsSync, unlinkSync, writev, writevSync } from 'node:fs';
import type { StoredPayload } from './protocol.ts';

/** The file descriptor, in the process of an instance, of the file that it shares with the engine. */
export const sharedFileFd = 4;
/** The argument that tells a process that it has such a file. */
export const sharesFile = 'shares-file';

/** A file system that is memory, on Linux. */
const memoryFolder = '/dev/shm';
/** The type of a tmpfs (statfs(2)). */
const tmpfsType = 0x01021994;
/** Of a file system, this share is left to others. */
const freeShare = 0.25;

/**
 * Up to so many bytes are written at once: that takes less than a millisecond, while other threads of
 * the runtime may be at work on something else, such as images.
 */
const mostAtOnce = 4 * 2 ** 20;

/**
 * Memory that the engine and the process of an instance, which inherits the descriptor, write and read:
 * a file without a name, in a file system that is memory. A batch of some hundred kilobytes does not
 * fit into a socket's buffer, so both ends take turns until it is through; here it is written in one go.
 * The file goes with the last process that has it open.
 */
export class SharedFile {
  readonly fd: number;
  readonly #mostAtOnce: number;
  /** Bytes that a place has taken so far, by its position: it keeps them. */
  readonly #taken = new Map<number, number>();
  #writing = 0;
  #closed = false;

  /**
   * @param fd of a file opened for reading and writing; it is closed with this
   * @param most bytes written at once; a thread of the runtime's writes what is more
   */
  constructor(fd: number, most = mostAtOnce) {
    this.fd = fd;
    this.#mostAtOnce = most;
  }

  /** Undefined where no file system is known to be memory, or none has room for another file. */
  static open(): SharedFile | undefined {
    let fd: number | undefined;
    try {
      if (statfsSync(memoryFolder).type !== tmpfsType) return undefined;
      const path = `${memoryFolder}/dnnscaler-${randomUUID()}`;
      fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return new SharedFile(fd);
    } catch {
      if (fd !== undefined) closeSync(fd);
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
    { position, bytes }: StoredPayload,
    done: (isWritten: boolean) => void,
  ): void {
    if (!this.#makeRoom(position, bytes)) {
      done(false);
      return;
    }
    if (bytes <= this.#mostAtOnce) {
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

  /**
   * Reads a payload into the start of a buffer.
   *
   * @throws Error when less is there
   */
  read({ position, bytes }: StoredPayload, place: ArrayBuffer): void {
    const read = readSync(this.fd, new Uint8Array(place), 0, bytes, position);
    if (read !== bytes) throw new Error(`${read} of ${bytes} bytes of a payload could be read`);
  }

  /** Frees it, once what is being written has been. */
  close(): void {
    this.#closed = true;
    if (this.#writing === 0) closeSync(this.fd);
  }

  /** What was written before a write failed for want of room would be kept from everybody. */
  #makeRoom(position: number, bytes: number): boolean {
    const growth = bytes - (this.#taken.get(position) ?? 0);
    if (growth <= 0) return true;
    try {
      const { bsize, blocks, bavail } = statfsSync(memoryFolder);
      if (bsize * bavail - growth < freeShare * bsize * blocks) return false;
    } catch {
      return false;
    }
    this.#taken.set(position, bytes);
    return true;
  }

  #writeAtOnce(pieces: readonly Uint8Array[], position: number): number {
    try {
      return writevSync(this.fd, pieces, position);
    } catch {
      return 0;
    }
  }
}
