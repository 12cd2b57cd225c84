import type { Writable } from 'node:stream';
import { encodeFrameHead } from './frames.ts';
import { mostRuns } from './protocol.ts';
import type { Framed, Payload, StoredPayload } from './protocol.ts';
import type { SharedFile } from './shared-file.ts';

/** Below this size a payload goes into a socket's buffer at once, which holds about 200 KB on Linux. */
const leastStoredBytes = 128 * 1024;
/** Where the place for the next payload begins. Only what is written takes memory. */
const placeBytes = 2 ** 36;

interface Outgoing<Message> {
  readonly message: Message;
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly mayWaitLong: boolean;
  /** Where its payload lies, once it has been put there. */
  state: StoredPayload | 'on its way' | 'by socket';
}

/**
 * Messages from one process to another, in order: large payloads through a shared file, all else on
 * the socket. No more than `mostRuns` payloads may be under way, so that each has a place of its own.
 */
export class Outbox<Message extends object> {
  readonly #socket: Writable;
  readonly #firstPlace: number;
  readonly #file: SharedFile | undefined;
  #turn = 0;
  readonly #waiting: Outgoing<Message>[] = [];

  /**
   * @param file absent where memory cannot be shared: everything goes on the socket then
   * @param end each writes to places of its own
   */
  constructor(socket: Writable, file: SharedFile | undefined, end: 'engine' | 'instance') {
    this.#socket = socket;
    this.#file = file;
    this.#firstPlace = end === 'engine' ? 0 : mostRuns;
  }

  /**
   * @param mayWaitLong the other end may not read for so long that whoever gave the payload takes it
   *   back. Default false
   */
  post(message: Message, payload: Payload | undefined, mayWaitLong = false): void {
    const outgoing: Outgoing<Message> = {
      message,
      pieces: piecesOf(payload),
      bytes: payload?.usedBytes ?? 0,
      mayWaitLong,
      state: 'by socket',
    };
    this.#waiting.push(outgoing);
    if (this.#file !== undefined && outgoing.bytes >= leastStoredBytes) {
      this.#store(outgoing, this.#file);
    }
    this.#flush();
  }

  /** The other process has ended: what waits is not sent. */
  close(): void {
    this.#waiting.length = 0;
  }

  #store(outgoing: Outgoing<Message>, file: SharedFile): void {
    const { pieces, bytes } = outgoing;
    this.#turn = (this.#turn + 1) % mostRuns;
    const place = { position: (this.#firstPlace + this.#turn) * placeBytes, bytes };
    outgoing.state = 'on its way';
    file.write(pieces, place, (isWritten) => {
      outgoing.state = isWritten ? place : 'by socket';
      this.#flush();
    });
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.state === 'on its way') return;
      this.#waiting.shift();
      this.#send(next);
    }
  }

  #send({ message, pieces, bytes, mayWaitLong, state }: Outgoing<Message>): void {
    if (typeof state === 'object') {
      const framed: Framed<Message> = { ...message, stored: state };
      this.#socket.write(encodeFrameHead(framed, 0));
      return;
    }
    this.#socket.cork();
    this.#socket.write(encodeFrameHead(message, bytes));
    for (const piece of mayWaitLong ? [Buffer.concat(pieces)] : pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }
}

function piecesOf(payload: Payload | undefined): readonly Uint8Array[] {
  if (payload === undefined || payload.usedBytes === 0) return [];
  if ('pieces' in payload) return payload.pieces;
  return [new Uint8Array(payload.buffer, 0, payload.usedBytes)];
}
