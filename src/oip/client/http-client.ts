import type { Clock } from '../../clock.ts';
import { systemClock } from '../../clock.ts';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import { formatMs } from '../../units.ts';
import type { InferResponse, ModelMetadata, ServerMetadata } from '../data-plane.ts';
import { errorFromAnswer } from './http-errors.ts';
import type { HttpAnswer, HttpOutcome, HttpRequest } from './http-exchange.ts';
import { HttpExchange } from './http-exchange.ts';
import type { InferContent, TensorEncoding } from './infer-messages.ts';
import { fromInferAnswer, toInferMessage } from './infer-messages.ts';
import { readModelMetadata, readServerMetadata } from './read-metadata.ts';
import { parseServerUrl } from './server-url.ts';

export interface OipHttpClientOptions {
  /** Such as `http://localhost:8000`; a path before `/v2` may follow. */
  readonly url: string;
  /** From sending a request to the last byte of its answer, in ms; 30,000 by default. */
  readonly timeoutMs?: number;
  /** Connections at most; requests beyond wait for one. 16 by default. */
  readonly maxConnections?: number;
  /** Answers larger than this are refused, in bytes; 256 MiB by default. */
  readonly maxAnswerBytes?: number;
  /** Sent with every request, such as `host` for a gateway. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
}

/** A model of a server, and its version where not the server's own choice. */
export interface ModelReference {
  readonly name: string;
  /** A number as text, such as `2`. */
  readonly version?: string;
}

/**
 * A client of any server that speaks the Open Inference Protocol over HTTP: ours, Triton, KServe,
 * MLServer. Its promises reject with `DnnScalerError`: `not-found` for an unknown model,
 * `unavailable` for a server that is away or sheds, `deadline-exceeded` after the timeout,
 * `internal` for an answer that is no answer, and otherwise what the server's status stands for.
 */
export class OipHttpClient {
  /** Where it connects to. */
  readonly origin: string;
  readonly #basePath: string;
  readonly #exchange: HttpExchange;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  /** @throws DnnScalerError `invalid-argument` for a URL, a limit or a timeout out of its range */
  constructor(options: OipHttpClientOptions) {
    const { origin, basePath } = parseServerUrl(options.url);
    const { maxConnections = 16, maxAnswerBytes = 256 * 2 ** 20, timeoutMs = 30_000 } = options;
    if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
      throw invalidArgument('maxConnections', 'must be a positive integer', maxConnections);
    }
    if (!(timeoutMs > 0)) throw invalidArgument('timeoutMs', 'must be over 0', timeoutMs);
    this.origin = origin;
    this.#basePath = basePath;
    this.#headers = options.headers ?? {};
    this.#timeoutMs = timeoutMs;
    this.#clock = options.clock ?? systemClock;
    this.#exchange = new HttpExchange(origin, { maxConnections, maxAnswerBytes });
  }

  async serverMetadata(): Promise<ServerMetadata> {
    return readServerMetadata(await this.#getJson('/v2'));
  }

  /** Whether the server runs at all; false when nothing answers. */
  isLive(): Promise<boolean> {
    return this.#isFine('/v2/health/live');
  }

  /** Whether the server is ready to serve its models; false when nothing answers. */
  isReady(): Promise<boolean> {
    return this.#isFine('/v2/health/ready');
  }

  isModelReady(model: ModelReference): Promise<boolean> {
    return this.#isFine(`${modelPath(model)}/ready`);
  }

  async modelMetadata(model: ModelReference): Promise<ModelMetadata> {
    return readModelMetadata(await this.#getJson(modelPath(model)));
  }

  /**
   * The model's configuration as its server has it: Triton's ModelConfig as JSON, from a server
   * with that extension (KServe and MLServer answer `not-found`).
   */
  modelConfig(model: ModelReference): Promise<unknown> {
    return this.#getJson(`${modelPath(model)}/config`);
  }

  /** @param encoding of the tensors, both ways; `binary` by default */
  async infer(
    model: ModelReference,
    content: InferContent,
    encoding: TensorEncoding = 'binary',
  ): Promise<InferResponse> {
    const { body, headers } = toInferMessage(content, encoding);
    return fromInferAnswer(
      await this.#ask({ method: 'POST', path: inferPath(model), headers, body }),
    );
  }

  /**
   * Sends a request as it is, without a time limit: the path is relative to the server's. Calls
   * `done` exactly once, with whatever came; call what it returns to give the request up.
   */
  send(request: HttpRequest, done: (outcome: HttpOutcome) => void): () => void {
    return this.#exchange.send(
      {
        ...request,
        path: this.#basePath + request.path,
        headers: { ...this.#headers, ...request.headers },
      },
      done,
    );
  }

  /** Closes all connections; requests under way end in an error. */
  close(): Promise<void> {
    return this.#exchange.close();
  }

  async #isFine(path: string): Promise<boolean> {
    const outcome = await this.#exchangeInTime({ method: 'GET', path });
    return outcome.kind === 'answer' && outcome.status === 200;
  }

  async #getJson(path: string): Promise<unknown> {
    const { body } = await this.#ask({ method: 'GET', path });
    try {
      return JSON.parse(body.toString('utf8')) as unknown;
    } catch (error) {
      const message = `${this.origin}${path} answered what is no JSON: is it an inference server?`;
      throw new DnnScalerError('internal', message, { cause: error });
    }
  }

  async #ask(request: HttpRequest): Promise<HttpAnswer> {
    const outcome = await this.#exchangeInTime(request);
    if (outcome.kind === 'lost') throw outcome.error;
    if (outcome.status !== 200) throw errorFromAnswer(outcome.status, outcome.body);
    return outcome;
  }

  #exchangeInTime(request: HttpRequest): Promise<HttpOutcome> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(this.#timeoutMs, () => {
        const message = `${this.origin}${request.path} did not answer within ${formatMs(this.#timeoutMs)}`;
        const error = new DnnScalerError('deadline-exceeded', message);
        resolve({ kind: 'lost', reason: 'cancelled', error });
        cancel();
      });
      const cancel = this.send(request, (outcome) => {
        this.#clock.clearTimer(timer);
        resolve(outcome);
      });
    });
  }
}

/** @throws DnnScalerError `invalid-argument` for an empty name, or a version that is no number */
export function inferPath(model: ModelReference): string {
  return `${modelPath(model)}/infer`;
}

function modelPath({ name, version }: ModelReference): string {
  if (name === '') throw invalidArgument('the model', 'must have a name', name);
  const path = `/v2/models/${encodeURIComponent(name)}`;
  if (version === undefined) return path;
  if (!/^\d+$/.test(version)) throw invalidArgument('the version', 'must be a number', version);
  return `${path}/versions/${version}`;
}
