import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import type { PackageDefinition, ServiceDefinition } from '@grpc/proto-loader';

/** The protocol's gRPC service, by its full name. */
export const inferenceServiceName = 'inference.GRPCInferenceService';

/** The protocol's definition, for tools of gRPC. */
export const inferenceProtoFile = fileURLToPath(new URL('proto/inference.proto', import.meta.url));

/** Every message and service of `proto/inference.proto`, fields in the names of the protocol. */
export function loadInferencePackage(): PackageDefinition {
  return loadSync(inferenceProtoFile, {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
}

/** The service of a package that has been loaded. */
export function inferenceServiceOf(definition: PackageDefinition): ServiceDefinition {
  return definition[inferenceServiceName] as ServiceDefinition;
}
