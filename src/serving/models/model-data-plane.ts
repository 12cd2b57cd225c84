import type { DnnScalerError } from '../../errors.ts';
import { toDnnScalerError } from '../../errors.ts';
import type {
  DataPlane,
  InferDone,
  InferRequest,
  LoadOptions,
  ModelConfig,
  ModelMetadata,
  ModelStatistics,
  RepositoryEntry,
  RequestContext,
  ServerMetadata,
} from '../../oip/data-plane.ts';
import type { ModelRepository } from './model-repository.ts';
import type { ServedModel } from './served-model.ts';

/** The protocol's optional parts that this server has. */
const extensions = [
  'classification',
  'model_configuration',
  'model_repository',
  'binary_tensor_data',
  'parameters',
  'statistics',
];

/** What every protocol's front end calls, over the models of a repository. */
export class ModelDataPlane implements DataPlane {
  readonly #repository: ModelRepository;
  readonly #version: string;
  #isOpen = true;
  #loaded = false;

  /** @param version of this package */
  constructor(repository: ModelRepository, version: string) {
    this.#repository = repository;
    this.#version = version;
  }

  /** Every model of the start has been tried: from now on readiness is that of the models. */
  markLoaded(): void {
    this.#loaded = true;
  }

  /** Not ready any more, so that load balancers look elsewhere; what comes is still answered. */
  markClosing(): void {
    this.#isOpen = false;
  }

  isLive(): boolean {
    return true;
  }

  isReady(): boolean {
    return this.#isOpen && this.#loaded && this.#repository.isReady;
  }

  serverMetadata(): ServerMetadata {
    return { name: 'dnnscaler', version: this.#version, extensions };
  }

  isModelReady(name: string, version: string): boolean {
    try {
      return this.#repository.get(name, version).isReady;
    } catch (thrown) {
      const error = toDnnScalerError(thrown);
      if (error.code === 'unavailable') return false;
      throw error;
    }
  }

  modelMetadata(name: string, version: string): ModelMetadata {
    return this.#repository.get(name, version).metadata;
  }

  modelConfig(name: string, version: string): ModelConfig {
    return this.#repository.get(name, version).config;
  }

  statistics(name: string, version: string): readonly ModelStatistics[] {
    if (name !== '') return [this.#repository.get(name, version).statistics];
    return this.#repository.serving.map((model) => model.statistics);
  }

  repositoryIndex(readyOnly: boolean): readonly RepositoryEntry[] {
    return this.#repository.index(readyOnly);
  }

  load(name: string, options: LoadOptions): Promise<void> {
    return this.#repository.load(name, options);
  }

  unload(name: string): Promise<void> {
    return this.#repository.unload(name);
  }

  infer(request: InferRequest, _context: RequestContext, done: InferDone): () => void {
    return this.#with(request, done, (model) => model.infer(request, done));
  }

  inferImage(
    request: Omit<InferRequest, 'inputs'>,
    image: Uint8Array,
    _context: RequestContext,
    done: InferDone,
  ): () => void {
    return this.#with(request, done, (model) => model.inferImage(request, image, done));
  }

  #with(
    { modelName, modelVersion }: Omit<InferRequest, 'inputs'>,
    done: InferDone,
    use: (model: ServedModel) => () => void,
  ): () => void {
    let model: ServedModel;
    try {
      model = this.#repository.get(modelName, modelVersion);
    } catch (thrown) {
      done(thrown as DnnScalerError, undefined);
      return () => undefined;
    }
    return use(model);
  }
}
