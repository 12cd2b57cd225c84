import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { Admitted } from './admission.ts';
import { DirectRequest } from './direct-request.ts';
import { HttpProblem } from './status.ts';

/** What the request holds is asked before bytes are kept, and gives the memory for them. */
export interface BodyReading extends Pick<Admitted, 'hold' | 'take' | 'isInside'> {
  /** Bytes before and after decompression. */
  readonly maxBytes: number;
  /**
   * A body that arrives in pieces is placed so that its byte of this index has an address that every
   * tensor type can be viewed at. One that arrives whole lies as it comes.
   */
  readonly alignAt: number;
}

export type BodyDone = (error: Error | null, body: Uint8Array<ArrayBuffer>) => void;

const noBytes = new Uint8Array(0);
/** Bytes of the widest tensor element. */
const alignment = 8;

/**
 * Reads and decompresses a request's body. One that arrives whole is taken as it is, wherever it lies;
 * else one of declared length, up to 1 MiB, is copied once, from the socket's chunks to its place. Longer
 * ones get place as they arrive: who announces much and sends little holds little.
 *
 * @param done called exactly once: with an HttpProblem 413 (too long) or 501 (encoding), a
 *   DnnScalerError `cancelled` (the client left), `invalid-argument` (broken compression), or what
 *   `hold` threw
 */
export function readBody(request: IncomingMessage, reading: BodyReading, done: BodyDone): void {
  let inflate: Transform | undefined;
  try {
    if (!(request instanceof DirectRequest)) {
      throw new DnnScalerError('internal', 'the request came by another server');
    }
    inflate = decompressor(request.headers['content-encoding']);
  } catch (error) {
    done(error as Error, noBytes);
    return;
  }
  if (inflate === undefined) {
    receive(request, reading, done);
    return;
  }
  receive(request, { ...reading, alignAt: 0 }, (error, compressed) => {
    if (error === null) decompress(inflate, compressed, reading, done);
    else done(error, noBytes);
  });
}

function decompressor(encoding: string | undefined): Transform | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    default: {
      const message = `content-encoding must be gzip or deflate; received ${JSON.stringify(encoding)}`;
      throw new HttpProblem(501, message, { 'accept-encoding': 'gzip, deflate' });
    }
  }
}

function incomplete(): DnnScalerError {
  return new DnnScalerError('cancelled', 'the client left before its request was complete');
}

function tooLong(maxBytes: number): HttpProblem {
  return new HttpProblem(413, `the body must have at most ${maxBytes} bytes`);
}

function receive(request: DirectRequest, reading: BodyReading, done: BodyDone): void {
  const finish = (error: Error | null, bytes = noBytes): void => {
    request.off('close', onClose);
    request.discard();
    done(error, bytes);
  };
  const onClose = (): void => finish(incomplete());
  const length = request.headers['content-length'];
  try {
    // The HTTP parser has checked that the header is a number, and that the body will be as long.
    const body = new GrowingBody(reading, length === undefined ? undefined : Number(length));
    request.receive({
      onChunk: (chunk) => {
        try {
          body.add(chunk);
        } catch (error) {
          finish(error as Error);
        }
      },
      onEnd: () => {
        let bytes: Uint8Array<ArrayBuffer>;
        try {
          bytes = body.bytes();
        } catch (error) {
          finish(error as Error);
          return;
        }
        finish(null, bytes);
      },
    });
  } catch (error) {
    done(error as Error, noBytes);
    return;
  }
  request.on('close', onClose);
  request.on('error', ignore); // 'close' follows
}

function decompress(
  inflate: Transform,
  compressed: Uint8Array<ArrayBuffer>,
  reading: BodyReading,
  done: BodyDone,
): void {
  let body: GrowingBody;
  try {
    body = new GrowingBody(reading, undefined);
  } catch (error) {
    done(error as Error, noBytes);
    return;
  }
  inflate.on('data', (chunk: Buffer<ArrayBuffer>) => {
    try {
      body.add(chunk);
    } catch (error) {
      inflate.destroy(error as Error);
    }
  });
  inflate.on('end', () => done(null, body.bytes()));
  inflate.on('error', (error) => {
    const isOurs = error instanceof HttpProblem || error instanceof DnnScalerError;
    done(isOurs ? error : toDnnScalerError(error, 'invalid-argument'), noBytes);
  });
  inflate.end(compressed);
}

/** What a body gets at first, when its length is not known, and at most when it is. */
const firstCapacity = 64 * 2 ** 10;
const firstDeclaredCapacity = 2 ** 20;

/** One array, as long as the body when that is known and not too much, else doubled when it is full. */
class GrowingBody {
  readonly #reading: BodyReading;
  readonly #declared: number | undefined;
  #capacity: number;
  #place = noBytes;
  #length = 0;

  /** @param declared the body's length in bytes; undefined when only its end will tell */
  constructor(reading: BodyReading, declared: number | undefined) {
    this.#reading = reading;
    this.#declared = declared;
    if (declared !== undefined && declared > reading.maxBytes) throw tooLong(reading.maxBytes);
    this.#capacity =
      declared === undefined
        ? Math.min(firstCapacity, reading.maxBytes)
        : Math.min(firstDeclaredCapacity, declared);
    reading.hold(this.#capacity);
  }

  /**
   * @param chunk nobody else's from now on
   * @throws DnnScalerError `cancelled` when nobody waits for it any more
   */
  add(chunk: Buffer<ArrayBuffer>): void {
    if (!this.#reading.isInside()) throw incomplete();
    if (this.#length === 0) {
      if (chunk.length === this.#declared) {
        this.#place = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
        this.#length = chunk.length;
        return;
      }
      this.#place = alignedPlace(this.#capacity, this.#reading);
    }
    const length = this.#length + chunk.length;
    if (length > this.#capacity) this.#grow(length);
    this.#place.set(chunk, this.#length);
    this.#length = length;
  }

  /** What was added. @throws DnnScalerError `cancelled` when it is less than was declared */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#declared !== undefined && this.#length !== this.#declared) throw incomplete();
    return this.#place.subarray(0, this.#length);
  }

  #grow(least: number): void {
    const { maxBytes, hold } = this.#reading;
    if (least > maxBytes) throw tooLong(maxBytes);
    const old = this.#place;
    const most = this.#declared ?? maxBytes;
    const capacity = Math.min(most, Math.max(least, 2 * this.#capacity));
    hold(capacity - this.#capacity);
    this.#capacity = capacity;
    this.#place = alignedPlace(capacity, this.#reading);
    this.#place.set(old);
  }
}

function alignedPlace(
  length: number,
  { alignAt, take }: Pick<BodyReading, 'alignAt' | 'take'>,
): Uint8Array<ArrayBuffer> {
  const start = (alignment - (alignAt % alignment)) % alignment;
  return new Uint8Array(take(length + start), start, length);
}

function ignore(): void {
  // An error that is reported otherwise.
}
