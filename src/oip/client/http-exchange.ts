import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { Pool } from 'undici';
import type { DnnScalerError } from '../../errors.ts';
import type { LossReason } from './http-errors.ts';
import { lossFrom } from './http-errors.ts';

/** One HTTP request, with its body whole. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** May be sent many times, so nobody changes it. */
  readonly body?: Uint8Array;
}

/** An answer of whatever status, whole. */
export interface HttpAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How a request ended: with an answer, or with none. */
export type HttpOutcome =
  | HttpAnswer
  | { readonly kind: 'lost'; readonly reason: LossReason; readonly error: DnnScalerError };

export interface HttpExchangeOptions {
  /** Connections at most; requests beyond wait for one. At least 1. */
  readonly maxConnections: number;
  /** Answers larger than this are refused, in bytes. */
  readonly maxAnswerBytes: number;
}

/** Keep-alive connections to one server. Sets no time limit on requests: whoever sends one does. */
export class HttpExchange {
  readonly #pool: Pool;
  readonly #origin: string;

  constructor(origin: string, { maxConnections, maxAnswerBytes }: HttpExchangeOptions) {
    this.#origin = origin;
    this.#pool = new Pool(origin, {
      connections: maxConnections,
      pipelining: 1,
      maxResponseSize: maxAnswerBytes,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /**
   * Sends a request and calls `done` exactly once, never before this returns.
   *
   * @returns call it to give the request up: its connection is closed and `done` gets the reason
   *   `cancelled`; after `done` it does nothing
   */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): () => void {
    const handler = new AnswerHandler(this.#origin, done);
    const { method, path, headers = {}, body } = request;
    try {
      this.#pool.dispatch({ method, path, headers, body: body ?? null }, handler);
    } catch (error) {
      // Only what undici finds wrong with the request itself, such as a header's characters.
      queueMicrotask(() => {
        handler.fail(error as Error);
      });
    }
    return handler.cancel;
  }

  /** Closes all connections; what is under way ends as cancelled or closed. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** Collects one answer. A plain object with methods, as undici wants it: one is made per request. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #origin: string;
  readonly #done: (outcome: HttpOutcome) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #state: 'pending' | 'cancelled' | 'ended' = 'pending';

  constructor(origin: string, done: (outcome: HttpOutcome) => void) {
    this.#origin = origin;
    this.#done = done;
  }

  readonly cancel = (): void => {
    if (this.#state !== 'pending') return;
    this.#state = 'cancelled';
    // Before it has a connection there is nothing to abort yet: `onRequestStart` will.
    this.#controller?.abort(new Error('cancelled'));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'cancelled') controller.abort(new Error('cancelled'));
  }

  /** Called for informational answers (1xx) too: the last one counts. */
  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const isWhole = first !== undefined && this.#chunks.length === 1;
    this.#end({
      kind: 'answer',
      status: this.#status,
      headers: this.#headers,
      body: isWhole ? first : Buffer.concat(this.#chunks),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  fail(error: Error): void {
    const loss = lossFrom(error, this.#origin);
    const reason = this.#state === 'cancelled' ? 'cancelled' : loss.reason;
    this.#end({ kind: 'lost', reason, error: loss.error });
  }

  #end(outcome: HttpOutcome): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#done(outcome);
  }
}
