import { DnnScalerError } from '../../../errors.ts';
import type { ErrorCode } from '../../../errors.ts';
import type {
  DataPlane,
  InferDone,
  InferRequest,
  InferResponse,
  LoadOptions,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
  RepositoryEntry,
  RequestContext,
} from '../../../oip/data-plane.ts';

/** An inference request that waits to be answered by the test. */
export interface PendingInference {
  readonly request: InferRequest;
  readonly context: RequestContext;
  readonly isCancelled: () => boolean;
  answer(): void;
}

/** What the data plane was called with. */
export interface Loaded {
  readonly name: string;
  readonly options: LoadOptions;
}

/**
 * A data plane without models behind it. Model `echo` answers with its inputs, `row` (one FP32
 * input with an open dimension) too, `picture` with the bytes of an image, and `held` when the test
 * says so. The parameter `fail` names the code of an error to answer with instead.
 */
export class FakeDataPlane implements DataPlane {
  live = true;
  ready = true;
  readonly pending: PendingInference[] = [];
  readonly loads: Loaded[] = [];
  readonly unloads: string[] = [];
  lastContext: RequestContext | undefined;
  lastRequest: InferRequest | undefined;
  cancelled = 0;

  isLive(): boolean {
    return this.live;
  }

  isReady(): boolean {
    return this.ready;
  }

  serverMetadata(): { name: string; version: string; extensions: string[] } {
    return { name: 'fake', version: '1.2.3', extensions: ['binary_tensor_data'] };
  }

  isModelReady(name: string, version: string): boolean {
    if (name === 'loading') return false;
    this.#check(name, version);
    return true;
  }

  modelMetadata(name: string, version: string): ModelMetadata {
    this.#check(name, version);
    const tensor = { name: 'x', datatype: 'FP32', shape: [-1, -1] } as const;
    return { name, versions: ['1'], platform: 'fake', inputs: [tensor], outputs: [tensor] };
  }

  modelConfig(name: string, version: string): ModelConfig {
    this.#check(name, version);
    const tensor = { name: 'x', data_type: 'TYPE_FP32', dims: [-1] };
    const input = name === 'row' ? [tensor] : [tensor, { ...tensor, name: 'y' }];
    return {
      name,
      platform: 'fake',
      backend: 'fake',
      max_batch_size: 8,
      input,
      output: input,
      instance_group: [],
      parameters: {},
    };
  }

  statistics(name: string, version: string): readonly ModelStatistics[] {
    if (name !== '') this.#check(name, version);
    const none = { count: 0, ns: 0 };
    const inference_stats = {
      success: none,
      fail: none,
      queue: none,
      compute_input: none,
      compute_infer: none,
      compute_output: none,
      cache_hit: none,
      cache_miss: none,
    };
    return (name === '' ? ['echo', 'row'] : [name]).map((model) => ({
      name: model,
      version: '1',
      last_inference: 0,
      inference_count: 0,
      execution_count: 0,
      inference_stats,
      batch_stats: [],
    }));
  }

  repositoryIndex(readyOnly: boolean): readonly RepositoryEntry[] {
    const ready = { name: 'echo', version: '1', state: 'READY', reason: '' } as const;
    const loading = { name: 'loading', version: '1', state: 'LOADING', reason: 'slow' } as const;
    return readyOnly ? [ready] : [ready, loading];
  }

  async load(name: string, options: LoadOptions): Promise<void> {
    this.#check(name, '');
    this.loads.push({ name, options });
  }

  async unload(name: string): Promise<void> {
    this.#check(name, '');
    this.unloads.push(name);
  }

  infer(request: InferRequest, context: RequestContext, done: InferDone): () => void {
    this.lastContext = context;
    this.lastRequest = request;
    const { modelName, modelVersion, inputs, outputs, parameters, id } = request;
    const { fail } = parameters;
    if (typeof fail === 'string') {
      done(new DnnScalerError(fail as ErrorCode, `failed on request: ${fail}`), undefined);
      return ignore;
    }
    if (!models.has(modelName)) {
      done(new DnnScalerError('not-found', `model ${modelName} is not known`), undefined);
      return ignore;
    }
    const response: InferResponse = {
      modelName,
      modelVersion: modelVersion === '' ? '1' : modelVersion,
      ...(id === undefined ? {} : { id }),
      outputs:
        outputs.length === 0
          ? inputs
          : outputs.flatMap(({ name }) => inputs.filter((input) => input.name === name)),
    };
    if (modelName !== 'held') {
      done(null, response);
      return ignore;
    }
    let isCancelled = false;
    let isDone = false;
    this.pending.push({
      request,
      context,
      isCancelled: () => isCancelled,
      answer: () => {
        if (!isDone) done(null, response);
        isDone = true;
      },
    });
    return () => {
      if (isDone) return;
      isCancelled = true;
      isDone = true;
      this.cancelled += 1;
      done(new DnnScalerError('cancelled', 'the caller gave up'), undefined);
    };
  }

  inferImage(
    request: Omit<InferRequest, 'inputs'>,
    image: Uint8Array,
    context: RequestContext,
    done: InferDone,
  ): () => void {
    if (request.modelName !== 'picture') {
      done(new DnnScalerError('unsupported', 'the model takes no images'), undefined);
      return ignore;
    }
    this.lastContext = context;
    const output = {
      name: 'image',
      datatype: 'UINT8',
      shape: [image.length],
      data: image,
    } as const;
    done(null, { modelName: 'picture', modelVersion: '1', outputs: [output] });
    return ignore;
  }

  #check(name: string, version: string): void {
    if (name === 'loading') throw new DnnScalerError('unavailable', 'model loading is not ready');
    if (!models.has(name) || !['', '1'].includes(version)) {
      throw new DnnScalerError('not-found', `model ${name} is not known`);
    }
  }
}

function ignore(): void {
  // It is over already.
}

const models = new Set(['echo', 'row', 'picture', 'held']);
