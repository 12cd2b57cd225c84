import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataPlane, InferDone, InferRequest, RequestContext } from '../../oip/data-plane.ts';
import type { DecodedRequest } from '../../oip/infer-request.ts';
import { decodeInferRequest } from '../../oip/infer-request.ts';
import { encodeInferResponse } from '../../oip/infer-response.ts';
import { parseHeaderLength } from '../../oip/message.ts';
import type { OutputForm } from '../../oip/output-form.ts';
import { binaryOutputs, jsonOutputs } from '../../oip/output-form.ts';
import type { RequestHeads } from '../../oip/request-heads.ts';
import { decodeRawBinary } from '../../oip/raw-binary.ts';
import type { WireLimits } from '../../oip/wire-limits.ts';
import type { Admission, Admitted } from './admission.ts';
import type { Answering } from './answer.ts';
import { answer, answerError, traceOf } from './answer.ts';
import { modelOf } from './model-path.ts';
import { readBody } from './read-body.ts';

export interface InferSettings {
  readonly answering: Answering;
  readonly admission: Admission;
  readonly maxBodyBytes: number;
  readonly wireLimits: WireLimits;
  /** Of requests under those limits. */
  readonly heads: RequestHeads;
}

/** Handles `POST /v2/models/M[/versions/N]/infer`: JSON, binary tensors, raw binary, or an image. */
export function inferHandler(
  plane: DataPlane,
  settings: InferSettings,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return (request, reply) => {
    reply.hijack();
    let admitted: Admitted;
    try {
      admitted = settings.admission.enter();
    } catch (error) {
      answerError(settings.answering, request, reply, error);
      return;
    }
    new Exchange(plane, settings, request, reply, admitted).begin();
  };
}

const imageTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png']);

/** One inference request on its way through the server. */
class Exchange {
  readonly #plane: DataPlane;
  readonly #settings: InferSettings;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #admitted: Admitted;
  #cancel: (() => void) | undefined;
  #isWithDataPlane = false;
  #isClosed = false;

  constructor(
    plane: DataPlane,
    settings: InferSettings,
    request: FastifyRequest,
    reply: FastifyReply,
    admitted: Admitted,
  ) {
    this.#plane = plane;
    this.#settings = settings;
    this.#request = request;
    this.#reply = reply;
    this.#admitted = admitted;
  }

  begin(): void {
    // Comes once, after the answer was sent or when the client has left.
    this.#reply.raw.once('close', () => {
      this.#isClosed = true;
      if (!this.#isWithDataPlane) this.#admitted.leave();
      else this.#cancel?.();
    });
    let jsonBytes: number | undefined;
    try {
      jsonBytes = parseHeaderLength(this.#header('inference-header-content-length'));
    } catch (error) {
      this.#fail(error);
      return;
    }
    const reading = {
      ...this.#admitted,
      maxBytes: this.#settings.maxBodyBytes,
      alignAt: jsonBytes ?? 0,
    };
    readBody(this.#request.raw, reading, (error, body) => {
      if (this.#isClosed) return;
      if (error !== null) this.#fail(error);
      else this.#infer(body, jsonBytes);
    });
  }

  #infer(body: Uint8Array, jsonBytes: number | undefined): void {
    const context = this.#context();
    try {
      const model = modelOf(this.#request);
      if (jsonBytes === undefined && imageTypes.has(this.#header('content-type') ?? '')) {
        const request = { ...model, parameters: {}, outputs: [] };
        this.#handOver(jsonOutputs, (done) => this.#plane.inferImage(request, body, context, done));
        return;
      }
      const { request, outputForm } = this.#decode(model, body, jsonBytes);
      this.#handOver(outputForm, (done) => this.#plane.infer(request, context, done));
    } catch (error) {
      this.#fail(error);
    }
  }

  #decode(
    model: Pick<InferRequest, 'modelName' | 'modelVersion'>,
    body: Uint8Array,
    jsonBytes: number | undefined,
  ): DecodedRequest {
    const { wireLimits, heads } = this.#settings;
    if (jsonBytes !== 0) return decodeInferRequest(model, body, jsonBytes, wireLimits, heads);
    const config = this.#plane.modelConfig(model.modelName, model.modelVersion);
    const inputs = [decodeRawBinary(config, body, wireLimits)];
    return {
      request: { ...model, parameters: {}, inputs, outputs: [] },
      outputForm: binaryOutputs,
    };
  }

  #handOver(form: OutputForm, start: (done: InferDone) => () => void): void {
    let isDone = false;
    const done: InferDone = (error, response) => {
      if (isDone) return;
      isDone = true;
      this.#isWithDataPlane = false;
      if (this.#isClosed) {
        this.#admitted.leave();
        return;
      }
      try {
        if (error !== null) throw error;
        this.#admitted.allowReuse();
        if (response === undefined) throw new Error('the data plane gave no response');
        const { parts, jsonBytes } = encodeInferResponse(response, form);
        const headers: OutgoingHttpHeaders =
          jsonBytes === undefined
            ? { 'content-type': 'application/json' }
            : {
                'content-type': 'application/octet-stream',
                'inference-header-content-length': jsonBytes,
              };
        answer(this.#settings.answering, this.#reply, { status: 200, headers, parts });
      } catch (thrown) {
        this.#fail(thrown);
      }
    };
    this.#isWithDataPlane = true;
    try {
      this.#cancel = start(done);
    } catch (thrown) {
      isDone = true;
      this.#isWithDataPlane = false;
      throw thrown;
    }
  }

  #context(): RequestContext {
    return { transport: 'http', ...traceOf(this.#request.raw) };
  }

  #header(name: string): string | undefined {
    const value = this.#request.raw.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  #fail(thrown: unknown): void {
    answerError(this.#settings.answering, this.#request, this.#reply, thrown);
  }
}
