import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { Client } from 'undici';
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

/**
 * Keep-alive connections to one server. Sets no time limit on requests: whoever sends one does.
 *
 * It keeps its own list of free connections: undici's pool looks through all of them for each
 * request, which hundreds of connections make slow.
 */
export class HttpExchange {
  readonly #origin: string;
  readonly #options: HttpExchangeOptions;
  readonly #connections: Client[] = [];
  /** The one used last is used next, so that no more stay open than the requests need. */
  readonly #free: Client[] = [];
  /** Requests without a connection, oldest first. */
  readonly #waiting = new Set<Exchange>();

  constructor(origin: string, options: HttpExchangeOptions) {
    this.#origin = origin;
    this.#options = options;
  }

  /**
   * Sends a request and calls `done` exactly once, never before this returns.
   *
   * @returns call it to give the request up: its connection is closed and `done` gets the reason
   *   `cancelled`; after `done` it does nothing
   */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): () => void {
    const exchange = new Exchange(this.#origin, request, (outcome) => {
      this.#release(exchange);
      done(outcome);
    });
    const connection = this.#free.pop() ?? this.#connect();
    if (connection === undefined) this.#waiting.add(exchange);
    else exchange.begin(connection);
    return exchange.cancel;
  }

  /** Closes all connections; what is under way ends as cancelled or closed. */
  async close(): Promise<void> {
    for (const exchange of this.#waiting) exchange.cancel();
    await Promise.all(this.#connections.map((connection) => connection.destroy()));
  }

  #connect(): Client | undefined {
    const { maxConnections, maxAnswerBytes } = this.#options;
    if (this.#connections.length >= maxConnections) return undefined;
    const connection = new Client(this.#origin, {
      maxResponseSize: maxAnswerBytes,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#connections.push(connection);
    return connection;
  }

  #release(exchange: Exchange): void {
    this.#waiting.delete(exchange);
    const { connection } = exchange;
    if (connection === undefined) return;
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free.push(connection);
      return;
    }
    this.#waiting.delete(next);
    next.begin(connection);
  }
}

/** One request and its answer, told piece by piece as undici wants it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #origin: string;
  readonly #request: HttpRequest;
  readonly #onEnd: (outcome: HttpOutcome) => void;
  readonly #chunks: Buffer[] = [];
  #connection: Client | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #state: 'pending' | 'cancelled' | 'ended' = 'pending';
  #isBeginning = false;

  constructor(origin: string, request: HttpRequest, onEnd: (outcome: HttpOutcome) => void) {
    this.#origin = origin;
    this.#request = request;
    this.#onEnd = onEnd;
  }

  /** What the request was sent over; undefined while it waits. */
  get connection(): Client | undefined {
    return this.#connection;
  }

  begin(connection: Client): void {
    const { method, path, headers = {}, body = null } = this.#request;
    this.#connection = connection;
    this.#isBeginning = true;
    connection.dispatch({ method, path, headers, body }, this);
    this.#isBeginning = false;
  }

  readonly cancel = (): void => {
    if (this.#state !== 'pending') return;
    this.#state = 'cancelled';
    // Until it is written to a connection there is nothing to abort: `onRequestStart` will.
    if (this.#connection === undefined) this.#lose(new Error('cancelled'));
    else this.#controller?.abort(new Error('cancelled'));
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
    this.#lose(error);
  }

  #lose(thrown: Error): void {
    const { reason, error } = lossFrom(thrown, this.#origin);
    this.#end({
      kind: 'lost',
      reason: this.#state === 'cancelled' ? 'cancelled' : reason,
      error,
    });
  }

  #end(outcome: HttpOutcome): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    // What undici finds wrong with a request itself comes while the request is handed over.
    if (this.#isBeginning) {
      queueMicrotask(() => {
        this.#onEnd(outcome);
      });
    } else {
      this.#onEnd(outcome);
    }
  }
}
