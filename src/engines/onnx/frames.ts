/**
 * Framing of messages on a byte stream: a prefix of 12 bytes (length of the header as a 32-bit
 * integer, length of the payload as a 64-bit float, both little-endian), the header as JSON in
 * UTF-8, and the payload.
 */
const prefixBytes = 12;
/** Small frames come whole in one read; of large ones only so much is copied. */
const scratchBytes = 16 * 1024;

/** The file descriptor, in the process of an instance, that carries frames both ways. */
export const framesFd = 3;

/** The prefix and header of a frame; the payload's bytes follow them on the stream. */
export function encodeFrameHead(message: unknown, payloadBytes: number): Buffer {
  const header = Buffer.from(JSON.stringify(message), 'utf8');
  const head = Buffer.allocUnsafe(prefixBytes + header.length);
  head.writeUInt32LE(header.length, 0);
  head.writeDoubleLE(payloadBytes, 4);
  head.set(header, prefixBytes);
  return head;
}

export interface FrameReaderOptions<Message> {
  /** A buffer of at least this many bytes (0 included) to put the next payload in. */
  readonly allocate: (bytes: number) => ArrayBuffer;
  readonly onFrame: (message: Message, payload: ArrayBuffer, payloadBytes: number) => void;
}

/** Puts frames together from chunks of a stream, however they are cut. */
export class FrameReader<Message> {
  readonly #options: FrameReaderOptions<Message>;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #header = Buffer.alloc(0);
  #payload = new ArrayBuffer(0);
  #payloadBytes = 0;
  /** What the next bytes are part of, and how many of its bytes have come. */
  #part: 'prefix' | 'header' | 'payload' = 'prefix';
  #filled = 0;
  /** For small parts, and for large ones that just begin. */
  readonly #scratch = new Uint8Array(scratchBytes);
  #room: Uint8Array = this.#scratch;

  constructor(options: FrameReaderOptions<Message>) {
    this.#options = options;
  }

  /**
   * Where the next bytes of the stream may be put, so that large parts need not be copied again. Tell
   * how many came with `took`; nothing else may be pushed in between.
   */
  room(): Uint8Array {
    const rest = this.#target().subarray(this.#filled);
    this.#room = rest.length < this.#scratch.length ? this.#scratch : rest;
    return this.#room;
  }

  /** So many bytes have been put into the last `room`. */
  took(bytes: number): void {
    if (this.#room === this.#scratch) {
      this.push(this.#scratch.subarray(0, bytes));
      return;
    }
    this.#filled += bytes;
    if (this.#filled === this.#target().length) this.#partIsFull();
  }

  /** Takes in a chunk; its bytes are copied, so that it may be overwritten afterwards. */
  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      const target = this.#target();
      const taken = rest.subarray(0, target.length - this.#filled);
      target.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled === target.length) this.#partIsFull();
    }
  }

  #target(): Uint8Array {
    if (this.#part === 'prefix') return this.#prefix;
    if (this.#part === 'header') return this.#header;
    return new Uint8Array(this.#payload, 0, this.#payloadBytes);
  }

  #partIsFull(): void {
    this.#filled = 0;
    if (this.#part === 'prefix') {
      this.#header = Buffer.alloc(this.#prefix.readUInt32LE(0));
      this.#payloadBytes = this.#prefix.readDoubleLE(4);
      this.#part = 'header';
    } else if (this.#part === 'header') {
      this.#payload = this.#options.allocate(this.#payloadBytes);
      this.#part = 'payload';
      if (this.#payloadBytes === 0) this.#emit();
    } else {
      this.#emit();
    }
  }

  #emit(): void {
    this.#part = 'prefix';
    const message = JSON.parse(this.#header.toString('utf8')) as Message;
    this.#options.onFrame(message, this.#payload, this.#payloadBytes);
  }
}
