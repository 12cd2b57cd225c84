import type { DnnScalerError } from '../errors.ts';
import type { WireDatatype, WireTensor } from './tensor.ts';
import type { TraceContext } from './trace-context.ts';

/** A value of a request's or response's `parameters`. */
export type ParameterValue = boolean | number | bigint | string;
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** An output that a request asks for by name. */
export interface RequestedOutput {
  readonly name: string;
  /** Give the `n` likeliest classes as `value:index[:label]` instead of the tensor; from 1. */
  readonly classification?: number;
}

/** One inference request, whatever protocol carried it. */
export interface InferRequest {
  readonly modelName: string;
  /** A version by its number; '' for the newest. */
  readonly modelVersion: string;
  readonly id?: string;
  readonly parameters: Parameters;
  /** In any order; each name at most once. */
  readonly inputs: readonly WireTensor[];
  /** Empty: all outputs of the model. */
  readonly outputs: readonly RequestedOutput[];
}

export interface InferResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id?: string;
  readonly parameters?: Parameters;
  /** In the order asked for, or the model's. */
  readonly outputs: readonly WireTensor[];
}

/** What a server may know about a request besides its content. */
export interface RequestContext extends Partial<TraceContext> {
  readonly transport: 'http' | 'grpc';
}

export type InferDone = (error: DnnScalerError | null, response: InferResponse | undefined) => void;

export interface ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** `shape` holds -1 where any size will do, and the batch dimension in front when there is one. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: WireDatatype;
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** A subset of Triton's ModelConfig, in its JSON names; dims leave the batch dimension out when `max_batch_size > 0`. */
export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly max_batch_size: number;
  readonly input: readonly ConfigTensor[];
  readonly output: readonly ConfigTensor[];
  readonly instance_group: readonly {
    readonly name: string;
    readonly kind: 'KIND_CPU' | 'KIND_GPU';
    readonly count: number;
  }[];
  /** Strings by name, such as the SLO in effect. */
  readonly parameters: Readonly<Record<string, { readonly string_value: string }>>;
}

export interface ConfigTensor {
  readonly name: string;
  /** Triton's names: `TYPE_FP32`, and `TYPE_STRING` for BYTES. */
  readonly data_type: string;
  readonly dims: readonly number[];
}

/** How often something happened, and how long it took in all. Integers. */
export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Unix time of the last request in ms; 0 before the first. */
  readonly last_inference: number;
  /** Rows answered. */
  readonly inference_count: number;
  /** Batches run. */
  readonly execution_count: number;
  /** Counts are requests. */
  readonly inference_stats: {
    readonly success: StatisticDuration;
    readonly fail: StatisticDuration;
    readonly queue: StatisticDuration;
    readonly compute_input: StatisticDuration;
    readonly compute_infer: StatisticDuration;
    readonly compute_output: StatisticDuration;
    readonly cache_hit: StatisticDuration;
    readonly cache_miss: StatisticDuration;
  };
  readonly batch_stats: readonly {
    readonly batch_size: number;
    readonly compute_input: StatisticDuration;
    readonly compute_infer: StatisticDuration;
    readonly compute_output: StatisticDuration;
  }[];
}

export type ModelState = 'LOADING' | 'READY' | 'UNLOADING' | 'UNAVAILABLE';

export interface RepositoryEntry {
  readonly name: string;
  readonly version: string;
  readonly state: ModelState;
  /** Why it is not ready; '' when it is. */
  readonly reason: string;
}

export interface LoadOptions {
  /** Configuration as a JSON text, replacing the stored one. */
  readonly config?: string;
  /** Uploaded files by their path inside the model's folder, such as `1/model.onnx`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * What every protocol's front end calls. Errors are `DnnScalerError`s with a code of the closed
 * set, thrown by plain methods and rejected by promises; each front end maps codes to its own
 * statuses in one table.
 */
export interface DataPlane {
  isLive(): boolean;
  /** True when every model that should serve is ready. */
  isReady(): boolean;
  serverMetadata(): ServerMetadata;
  /** False for a model that is known but not ready. @throws `not-found` for an unknown one */
  isModelReady(name: string, version: string): boolean;
  /** @throws `not-found`, or `unavailable` while it is not ready; so do the next two */
  modelMetadata(name: string, version: string): ModelMetadata;
  modelConfig(name: string, version: string): ModelConfig;
  /** Of one model, or of all that are ready when `name` is ''. */
  statistics(name: string, version: string): readonly ModelStatistics[];
  repositoryIndex(readyOnly: boolean): readonly RepositoryEntry[];
  load(name: string, options: LoadOptions): Promise<void>;
  unload(name: string): Promise<void>;
  /**
   * Answers one request by calling `done` exactly once, perhaps before it returns. The data of
   * `request` must not change until then.
   *
   * @returns call it when the client has gone: rows that are not with an instance yet are dropped and
   *   `done` gets `cancelled`; after `done` it does nothing
   */
  infer(request: InferRequest, context: RequestContext, done: InferDone): () => void;
  /**
   * Answers a request whose body is one encoded image (JPEG, PNG), for models with a preprocessing
   * spec. @throws nothing; `done` gets `unsupported` for models without one
   */
  inferImage(
    request: Omit<InferRequest, 'inputs'>,
    image: Uint8Array,
    context: RequestContext,
    done: InferDone,
  ): () => void;
}
