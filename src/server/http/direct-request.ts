import { IncomingMessage } from 'node:http';
import { DnnScalerError } from '../../errors.ts';

/** Takes a body as it arrives. */
export interface BodySink {
  /** @param chunk the sink's to keep */
  onChunk(chunk: Buffer<ArrayBuffer>): void;
  onEnd(): void;
}

const nowhere: BodySink = { onChunk: () => undefined, onEnd: () => undefined };

/**
 * A request whose body can go from the HTTP parser to whoever wants it without passing through a stream,
 * which is most of what a body of some ten kilobytes costs.
 */
export class DirectRequest extends IncomingMessage {
  #sink: BodySink | undefined;

  /**
   * From now on the body goes to `sink`, and not into the stream. Of a body that is cut short nothing is
   * told but the request's `close`. To be called in the tick in which the request came, once.
   *
   * @throws DnnScalerError `internal` when some of the body has come before
   */
  receive(sink: BodySink): void {
    if (this.complete || this.readableLength > 0) {
      throw new DnnScalerError('internal', 'a body was asked for after it had begun to arrive');
    }
    this.#sink = sink;
  }

  /** What is still to come of the body goes nowhere, and what took it is let go of. */
  discard(): void {
    this.#sink = nowhere;
  }

  /** What the parser calls with each piece of the body, and with null after the last. */
  override push(chunk: Buffer<ArrayBuffer> | null, encoding?: BufferEncoding): boolean {
    const sink = this.#sink;
    if (sink === undefined) return super.push(chunk, encoding);
    if (chunk !== null) {
      sink.onChunk(chunk);
      return true;
    }
    this.discard();
    sink.onEnd();
    // The stream ends, too, once Node throws away what is left of it, after the answer.
    return super.push(null);
  }
}
