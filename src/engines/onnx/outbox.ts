import type { Writable } from 'node:stream';
import { encodeFrameHead } from './frames.ts';
import { mostRuns } from './protocol.ts';
import type { Payload, StoredPayload, ToInstance } from './protocol.ts';
import type { SharedFile } from './shared-file.ts';

/** Payloads from this size do not fit into a socket's buffer. */
const leastStoredBytes = 128 * 1024;
/** Where the place for the next payload begins. Only what is written takes memory. */
const placeBytes = 2 ** 36;

interface Outgoing {
  readonly message: ToInstance;
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  /** Where its payload lies, once it has been put there; undefined while it is being put. */
  state: StoredPayload | 'on its way' | 'by socket';
}

/**
 * Messages to one process, in order: large payloads through a shared file, all else on the socket.
 * No more than `mostRuns` payloads may be under way, so that each has a place of its own.
 */
export class Outbox {
  readonly #socket: Writable;
  #file: SharedFile | undefined;
  #turn = 0;
  readonly #waiting: Outgoing[] = [];

  /** @param file absent where memory cannot be shared: everything goes on the socket then */
  constructor(socket: Writable, file: SharedFile | undefined) {
    this.#socket = socket;
    this.#file = file;
  }

  post(message: ToInstance, payload: Payload | undefined): void {
    const outgoing: Outgoing = {
      message,
      pieces: piecesOf(payload),
      bytes: payload?.usedBytes ?? 0,
      state: 'by socket',
    };
    this.#waiting.push(outgoing);
    if (this.#file !== undefined && outgoing.bytes >= leastStoredBytes) {
      this.#store(outgoing, this.#file);
    }
    this.#flush();
  }

  /** The process has ended. */
  close(): void {
    this.#waiting.length = 0;
    this.#forgoFile();
  }

  #store(outgoing: Outgoing, file: SharedFile): void {
    const { pieces, bytes } = outgoing;
    this.#turn = (this.#turn + 1) % mostRuns;
    const position = this.#turn * placeBytes;
    outgoing.state = 'on its way';
    file.write(pieces, bytes, position, (isWritten) => {
      outgoing.state = isWritten ? { position, bytes } : 'by socket';
      // There is no room for it, as in a container with a small file system of this kind.
      if (!isWritten) this.#forgoFile();
      this.#flush();
    });
  }

  #forgoFile(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.state === 'on its way') return;
      this.#waiting.shift();
      this.#send(next);
    }
  }

  #send({ message, pieces, bytes, state }: Outgoing): void {
    if (typeof state === 'object') {
      this.#socket.write(encodeFrameHead({ ...message, stored: state }, 0));
      return;
    }
    this.#socket.cork();
    this.#socket.write(encodeFrameHead(message, bytes));
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }
}

function piecesOf(payload: Payload | undefined): readonly Uint8Array[] {
  if (payload === undefined || payload.usedBytes === 0) return [];
  if ('pieces' in payload) return payload.pieces;
  return [new Uint8Array(payload.buffer, 0, payload.usedBytes)];
}
