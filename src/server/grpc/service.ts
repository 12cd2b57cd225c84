import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { DataPlane } from '../../oip/data-plane.ts';
import { decodeGrpcInferRequest } from '../../oip/grpc-infer-request.ts';
import type { WireLimits } from '../../oip/wire-limits.ts';
import type { InferService } from './infer.ts';
import { modelInfer } from './infer.ts';
import { modelStreamInfer } from './infer-stream.ts';
import type { Management } from './management.ts';
import type {
  Empty,
  IndexRequest,
  LoadRequest,
  LogRequest,
  ModelVersion,
  TraceRequest,
  UnloadRequest,
} from './messages.ts';
import type { OpenStreams } from './open-streams.ts';
import { loadModel, repositoryIndex, unloadModel } from './repository.ts';
import { receiving, unary, withReceiving } from './unary.ts';

/**
 * The inference service as grpc-js wants it. Messages of inference are decoded and encoded by hand,
 * all others as proto-loader describes them.
 */
export function inferenceMethods(
  service: ServiceDefinition,
  wireLimits: WireLimits,
): ServiceDefinition {
  const { ModelInfer, ModelStreamInfer, ...others } = service;
  const byHand = {
    requestDeserialize: receiving((bytes) => decodeGrpcInferRequest(bytes, wireLimits)),
    responseSerialize: (answer: Buffer) => answer,
  };
  return {
    ...withReceiving(others),
    ModelInfer: { ...ModelInfer, ...byHand },
    ModelStreamInfer: { ...ModelStreamInfer, ...byHand },
  } as ServiceDefinition;
}

/** What each method does. */
export function inferenceHandlers(
  service: InferService,
  management: Management,
  streams: OpenStreams,
): UntypedServiceImplementation {
  const { plane, onFault } = service;
  return {
    ServerLive: unary(() => ({ live: plane.isLive() }), onFault),
    ServerReady: unary(() => ({ ready: plane.isReady() }), onFault),
    ModelReady: unary((model: ModelVersion) => ({ ready: isModelReady(plane, model) }), onFault),
    ServerMetadata: unary(() => plane.serverMetadata(), onFault),
    ModelMetadata: unary(
      ({ name, version }: ModelVersion) => plane.modelMetadata(name, version),
      onFault,
    ),
    ModelConfig: unary(
      ({ name, version }: ModelVersion) => ({ config: plane.modelConfig(name, version) }),
      onFault,
    ),
    ModelStatistics: unary(
      ({ name, version }: ModelVersion) => ({ model_stats: plane.statistics(name, version) }),
      onFault,
    ),
    ModelInfer: modelInfer(service),
    ModelStreamInfer: modelStreamInfer(service, streams),
    RepositoryIndex: unary((request: IndexRequest) => repositoryIndex(plane, request), onFault),
    RepositoryModelLoad: unary(
      (request: LoadRequest, metadata) => loadModel(plane, management, request, metadata),
      onFault,
    ),
    RepositoryModelUnload: unary(
      (request: UnloadRequest, metadata) => unloadModel(plane, management, request, metadata),
      onFault,
    ),
    TraceSetting: unary((request: TraceRequest) => {
      refuseSettings('trace', request.settings);
      if (request.model_name !== '') plane.modelMetadata(request.model_name, '');
      return { settings: { trace_level: { value: ['OFF'] } } };
    }, onFault),
    LogSettings: unary((request: LogRequest): { settings: Empty } => {
      refuseSettings('log', request.settings);
      return { settings: {} };
    }, onFault),
  };
}

/** As Triton answers, a model that does not exist is merely not ready. */
function isModelReady(plane: DataPlane, { name, version }: ModelVersion): boolean {
  try {
    return plane.isModelReady(name, version);
  } catch (error) {
    if (toDnnScalerError(error).code === 'not-found') return false;
    throw error;
  }
}

function refuseSettings(kind: string, settings: Readonly<Record<string, unknown>>): void {
  const [name] = Object.keys(settings);
  if (name === undefined) return;
  throw new DnnScalerError('unsupported', `${kind} settings cannot be changed, such as "${name}"`);
}
