import { IncomingMessage } from 'node:http';
import { DnnScalerError } from '../../errors.ts';

/** Takes a body as it arrives. */
export interface BodySink {
  /** @param chunk the sink's to keep */
  onChunk(chunk: Buffer<ArrayBuffer>): void;
  onEnd(): void;
}

/**
 * A request whose body can go from the HTTP parser to whoever wants it without passing through a stream,
 * which is most of what a body of some ten kilobytes costs.
 */
export class DirectRequest extends IncomingMessage {
  #sink: BodySink | undefined;

  /**
   * Hands over all of the body, what has arrived already first. Nothing is told of a body that is cut
   * short but `close`. To be called once, by someone who does not read the stream.
   */
  receive(sink: BodySink): void {
    if (this.readableLength > 0) {
      sink.onChunk(this.read() as Buffer<ArrayBuffer>);
      // Who begins to read a stream has to go on, or its end never comes.
      this.resume();
    }
    this.#sink = sink;
    if (this.complete) sink.onEnd();
  }

  /** What the parser calls with each piece of the body, and with null after the last. */
  override push(chunk: Buffer<ArrayBuffer> | null, encoding?: BufferEncoding): boolean {
    const sink = this.#sink;
    if (sink === undefined) return super.push(chunk, encoding);
    if (chunk !== null) {
      sink.onChunk(chunk);
      return true;
    }
    sink.onEnd();
    // The stream ends, too, once what is left of it is thrown away after the answer.
    return super.push(null);
  }
}

/** @throws DnnScalerError `internal` for a request that no server of `createNodeServer` received */
export function directRequest(request: IncomingMessage): DirectRequest {
  if (request instanceof DirectRequest) return request;
  throw new DnnScalerError('internal', 'the request came by another server');
}
