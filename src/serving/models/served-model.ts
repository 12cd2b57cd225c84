import type { Clock } from '../../clock.ts';
import { imageDecoder } from '../../datasets/decode-image.ts';
import { rowBytesOf } from '../../datasets/preprocess.ts';
import type { PreprocessingSpec } from '../../datasets/preprocess.ts';
import type { OnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import { DnnScalerError, invalidArgument, toDnnScalerError } from '../../errors.ts';
import type {
  InferDone,
  InferRequest,
  InferResponse,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
  Parameters,
} from '../../oip/data-plane.ts';
import type { WireTensor } from '../../oip/tensor.ts';
import type { Slo } from '../../slo.ts';
import type { Row } from '../../tensor/row.ts';
import type { Deployment } from '../deployment.ts';
import type { AnsweringCall } from '../request.ts';
import { configOf, describeModel } from './describe-model.ts';
import { ImageQueue } from './image-queue.ts';
import type { Decoding } from './image-queue.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { checkRequestedOutputs, replyTensors } from './reply-tensors.ts';
import { checkRowCount, rowsOf } from './request-rows.ts';
import { RowGroup } from './row-group.ts';
import type { StatisticsCounter } from './statistics.ts';

/** `rejected` is for a fault of the request, `failed` for one of the model or the machine. */
export type RequestOutcome = 'answered' | 'shed' | 'cancelled' | 'rejected' | 'failed';

/** Told of every request; every method may be left out. */
export interface ServedModelListener {
  /** @param rows 0 for a request that never came to be rows */
  onRequest?(outcome: RequestOutcome, latencyMs: number, rows: number, withinSlo: boolean): void;
}

export interface ServedModelOptions {
  readonly name: string;
  readonly version: string;
  readonly engine: OnnxEngine;
  /** Started, and ready. */
  readonly deployment: Deployment<Row, Row>;
  readonly clock: Clock;
  readonly budget: MemoryBudget;
  /** How images become rows; models without it take tensors only. */
  readonly preprocessing: PreprocessingSpec | null;
  /** An image of more pixels is refused before it is decoded. */
  readonly maxPixels: number;
  /** Names of the classes, by index. */
  readonly labels: readonly string[];
  /** Shared with the deployment's listener, which counts the engine calls. */
  readonly statistics: StatisticsCounter;
  readonly listener: ServedModelListener;
}

/** How long a model that is closed waits for the next row to be answered: longer than any run. */
const drainLimitMs = 120_000;

/** One version of a model, being served: whole requests in, whole responses out. */
export class ServedModel {
  readonly name: string;
  readonly version: string;
  readonly #options: ServedModelOptions;
  readonly #images: ImageQueue | null;

  constructor(options: ServedModelOptions) {
    this.name = options.name;
    this.version = options.version;
    this.#options = options;
    const { preprocessing, maxPixels } = options;
    this.#images =
      preprocessing === null ? null : new ImageQueue(imageDecoder(preprocessing, maxPixels));
  }

  get isReady(): boolean {
    return this.#options.deployment.health.ready;
  }

  /** Why it is not ready; '' when it is. */
  get reason(): string {
    const { health } = this.#options.deployment;
    return health.ready ? '' : health.message;
  }

  get deployment(): Deployment<Row, Row> {
    return this.#options.deployment;
  }

  get engine(): OnnxEngine {
    return this.#options.engine;
  }

  get metadata(): ModelMetadata {
    return describeModel(this.name, this.version, this.#options.engine.signature);
  }

  get config(): ModelConfig {
    const { engine, deployment } = this.#options;
    return configOf(this.name, engine.signature, {
      slo: deployment.slo,
      scaler: deployment.scaler.name,
      point: deployment.point,
      onGpu: engine.point.threadsPerInstance === undefined,
    });
  }

  get statistics(): ModelStatistics {
    return this.#options.statistics.report(this.name, this.version);
  }

  setSlo(slo: Slo): void {
    this.#options.deployment.setSlo(slo);
  }

  /** Answers a request; see `DataPlane.infer`. */
  infer(request: InferRequest, done: InferDone): () => void {
    const { signature } = this.#options.engine;
    const [input] = signature.inputs;
    const [tensor, ...others] = request.inputs;
    const isImage =
      this.#images !== null &&
      tensor?.datatype === 'BYTES' &&
      others.length === 0 &&
      tensor.name === input?.name;
    if (isImage) {
      return this.#inferImages(request, tensor.data as readonly Uint8Array[], done);
    }
    return this.#answer(request, bytesOf(request.inputs), done, () =>
      rowsOf(signature.inputs, request.inputs),
    );
  }

  /** Answers a request for one encoded image. */
  inferImage(
    request: Omit<InferRequest, 'inputs'>,
    image: Uint8Array,
    done: InferDone,
  ): () => void {
    return this.#inferImages(request, [image], done);
  }

  /** Answers what was accepted, then releases everything. */
  async close(): Promise<void> {
    const { deployment, engine } = this.#options;
    await new Promise<void>((resolve) => {
      deployment.drain(drainLimitMs, resolve, true);
    });
    await engine.close();
  }

  #inferImages(
    request: Omit<InferRequest, 'inputs'>,
    images: readonly Uint8Array[],
    done: InferDone,
  ): () => void {
    const { preprocessing } = this.#options;
    const encodedBytes = images.reduce((sum, image) => sum + image.byteLength, 0);
    const decodedBytes = preprocessing === null ? 0 : images.length * rowBytesOf(preprocessing);
    return this.#answer(request, encodedBytes + decodedBytes, done, () => {
      if (this.#images === null) {
        const message = `model ${this.name} has no preprocessing for images: send tensors`;
        throw new DnnScalerError('unsupported', message);
      }
      if (images.length === 0) throw invalidArgument('the images', 'must be at least one', 0);
      checkRowCount(images.length);
      return this.#images.decode(images);
    });
  }

  /** The one path of all requests: prepare rows, run them, join the replies, count. */
  #answer(
    request: Omit<InferRequest, 'inputs'>,
    bytes: number,
    done: InferDone,
    prepare: () => readonly Row[] | Decoding,
  ): () => void {
    const { clock, budget, deployment } = this.#options;
    const startMs = clock.nowMs();
    let group: RowGroup | undefined;
    let decoding: Decoding | undefined;
    let isOver = false;
    let holdsBytes = false;
    const end = (error: DnnScalerError | null, response?: InferResponse, rows = 0): void => {
      if (isOver) return;
      isOver = true;
      if (holdsBytes) budget.give(bytes);
      if (error !== null) this.#recordFailure(error, clock.nowMs() - startMs, rows);
      done(error, response);
    };
    const run = (rows: readonly Row[], expiresMs: number): void => {
      if (isOver) return;
      const preparedMs = clock.nowMs();
      group = new RowGroup(deployment, rows, expiresMs, (error, replies, call) => {
        if (error !== null) {
          end(error, undefined, rows.length);
          return;
        }
        try {
          const response = this.#respond(request, replies);
          const answeredMs = clock.nowMs();
          try {
            end(null, response);
          } finally {
            // Afterwards, so that the client need not wait for it.
            this.#recordSuccess(rows.length, startMs, preparedMs, call, answeredMs);
          }
        } catch (thrown) {
          end(toDnnScalerError(thrown), undefined, rows.length);
        }
      });
      group.submit();
    };
    try {
      budget.take(bytes);
      holdsBytes = true;
      checkRequestedOutputs(this.#options.engine.signature.outputs, request.outputs);
      const expiresMs = expiry(request.parameters, startMs);
      const prepared = prepare();
      if ('rows' in prepared) {
        decoding = prepared;
        decoding.rows
          .then((rows) => {
            run(rows, expiresMs);
          })
          .catch((thrown: unknown) => {
            end(toDnnScalerError(thrown));
          });
      } else run(prepared, expiresMs);
    } catch (thrown) {
      end(toDnnScalerError(thrown));
    }
    return () => {
      if (isOver) return;
      if (group !== undefined) {
        group.cancel();
        return;
      }
      decoding?.withdraw();
      end(new DnnScalerError('cancelled', 'the request was withdrawn'));
    };
  }

  #respond(request: Omit<InferRequest, 'inputs'>, replies: readonly Row[]): InferResponse {
    const { engine, labels } = this.#options;
    return {
      modelName: this.name,
      modelVersion: this.version,
      ...(request.id !== undefined && { id: request.id }),
      outputs: replyTensors(engine.signature.outputs, replies, request.outputs, labels),
    };
  }

  #recordSuccess(
    rows: number,
    startMs: number,
    preparedMs: number,
    call: AnsweringCall,
    answeredMs: number,
  ): void {
    const { clock, statistics, listener, deployment } = this.#options;
    const totalMs = answeredMs - startMs;
    const times = {
      totalMs,
      inputMs: preparedMs - startMs,
      queueMs: call.startedMs - preparedMs,
      inferMs: call.endedMs - call.startedMs,
      outputMs: answeredMs - call.endedMs,
    };
    statistics.recordSuccess(times, rows, clock.timeOfDayMs());
    listener.onRequest?.('answered', totalMs, rows, totalMs <= deployment.slo.limitMs);
  }

  #recordFailure(error: DnnScalerError, totalMs: number, rows: number): void {
    const { clock, statistics, listener } = this.#options;
    statistics.recordFailure(totalMs, clock.timeOfDayMs());
    listener.onRequest?.(outcomeOf(error), totalMs, rows, false);
  }
}

function outcomeOf({ code }: DnnScalerError): RequestOutcome {
  if (code === 'cancelled') return 'cancelled';
  if (code === 'invalid-argument' || code === 'unsupported') return 'rejected';
  return code === 'unavailable' || code === 'resource-exhausted' ? 'shed' : 'failed';
}

function bytesOf(tensors: readonly WireTensor[]): number {
  let bytes = 0;
  for (const { data } of tensors) {
    if (Array.isArray(data)) {
      for (const element of data as readonly Uint8Array[]) bytes += element.byteLength;
    } else bytes += (data as Uint8Array).byteLength;
  }
  return bytes;
}

/** The protocol's `timeout` counts microseconds from the arrival; 0 is none. */
function expiry({ timeout }: Parameters, startMs: number): number {
  if (timeout === undefined) return Number.POSITIVE_INFINITY;
  const us = Number(timeout);
  if (typeof timeout === 'boolean' || !Number.isSafeInteger(us) || us < 0) {
    throw invalidArgument('timeout', 'must be a whole number of microseconds', timeout);
  }
  return us === 0 ? Number.POSITIVE_INFINITY : startMs + us / 1000;
}
