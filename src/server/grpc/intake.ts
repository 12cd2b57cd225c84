import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Metadata } from '@grpc/grpc-js';
import type { Clock, TimerHandle } from '../../clock.ts';
import { CallIntake } from './call-intake.ts';
import type { Ledger } from './call-intake.ts';
import type { GrpcLimits } from './options.ts';

/** Ties a call that grpc-js hands to a method to the HTTP/2 stream that it came on. */
const linkHeader = 'x-dnnscaler-stream';

/**
 * Watches what calls bring in, below grpc-js, which keeps whatever a client sends until a message is
 * whole: refuses calls when all of them hold too much, and ends those whose requests do not arrive or whose
 * answers are not taken.
 */
export class Intake {
  readonly #limits: GrpcLimits;
  readonly #streamPaths: ReadonlySet<string>;
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #onAnswer: (code: string) => void;
  readonly #calls = new Map<string, { readonly stream: ServerHttp2Stream; call: CallIntake }>();
  #lastLink = 0;
  #timer: TimerHandle | undefined;

  /**
   * @param streamPaths methods to which a client may send any number of messages
   * @param onAnswer told how each call has ended
   */
  constructor(
    limits: GrpcLimits,
    streamPaths: readonly string[],
    clock: Clock,
    onAnswer: (code: string) => void = () => undefined,
  ) {
    this.#onAnswer = onAnswer;
    this.#limits = limits;
    this.#streamPaths = new Set(streamPaths);
    this.#clock = clock;
    this.#ledger = { heldBytes: 0, maxBytes: limits.maxBufferedBytes };
  }

  /** Calls that are open. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Bytes that all of them hold. */
  get heldBytes(): number {
    return this.#ledger.heldBytes;
  }

  /** Must see each stream before grpc-js does, as the link is one of its headers. */
  watch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const isStream = this.#streamPaths.has(headers[':path'] ?? '');
    const isCompressed = (headers['grpc-encoding'] ?? 'identity') !== 'identity';
    const call = new CallIntake(this.#ledger, { isStream, isCompressed }, this.#clock.nowMs());
    this.#lastLink += 1;
    const link = String(this.#lastLink);
    headers[linkHeader] = link;
    this.#calls.set(link, { stream, call });
    this.#sweepLater();
    stream.on('data', (chunk: Buffer) => {
      if (call.receive(chunk.byteLength, this.#limits.maxMessageBytes, this.#clock.nowMs())) return;
      const details = 'the requests in work hold too much memory already; try again later';
      refuse(stream, status.UNAVAILABLE, details);
    });
    stream.once('end', () => call.end());
    stream.once('close', () => {
      this.#calls.delete(link);
      this.#onAnswer(statusOf(stream));
      call.releaseAll();
    });
  }

  /** The intake of the call with these metadata; undefined when its stream has closed already. */
  of(metadata: Metadata): CallIntake | undefined {
    return this.#calls.get(String(metadata.get(linkHeader)[0]))?.call;
  }

  close(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #sweepLater(): void {
    const { requestTimeoutMs, writeTimeoutMs } = this.#limits;
    this.#timer ??= this.#clock.setTimer(Math.min(requestTimeoutMs, writeTimeoutMs) / 4, () => {
      this.#timer = undefined;
      this.#endLate();
      if (this.#calls.size > 0) this.#sweepLater();
    });
  }

  #endLate(): void {
    const nowMs = this.#clock.nowMs();
    const { requestTimeoutMs, writeTimeoutMs } = this.#limits;
    for (const { stream, call } of this.#calls.values()) {
      if (call.isArrivingSince(nowMs - requestTimeoutMs)) {
        refuse(stream, status.DEADLINE_EXCEEDED, 'the request took too long to arrive');
      }
      if (call.isUnread(stream.writableLength, writeTimeoutMs, nowMs)) {
        stream.close(constants.NGHTTP2_CANCEL);
      }
    }
  }
}

/** Ends a call below grpc-js, which then takes it for one that the client has cancelled. */
function refuse(stream: ServerHttp2Stream, code: status, details: string): void {
  if (stream.closed || stream.destroyed) return;
  if (!stream.headersSent) {
    const headers = {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': code,
      'grpc-message': details,
    };
    stream.respond(headers, { endStream: true });
  }
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/** Name of the status that ended a call: in its trailers, or its headers when it has no others. */
function statusOf({ sentTrailers, sentHeaders }: ServerHttp2Stream): string {
  // Undefined until they are sent, whatever the types say.
  const [trailers, headers] = [sentTrailers, sentHeaders] as (OutgoingHttpHeaders | undefined)[];
  const code = trailers?.['grpc-status'] ?? headers?.['grpc-status'] ?? status.CANCELLED;
  return status[Number(code)] ?? 'UNKNOWN';
}
