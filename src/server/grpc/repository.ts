import type { Metadata } from '@grpc/grpc-js';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { DataPlane, LoadOptions, RepositoryEntry } from '../../oip/data-plane.ts';
import { checkModelName } from '../../oip/wire-limits.ts';
import type { Management } from './management.ts';
import type {
  Empty,
  IndexRequest,
  LoadRequest,
  RepositoryParameter,
  UnloadRequest,
} from './messages.ts';

/** `RepositoryIndex`. */
export function repositoryIndex(
  plane: DataPlane,
  request: IndexRequest,
): { models: readonly RepositoryEntry[] } {
  checkRepository(request.repository_name);
  return { models: plane.repositoryIndex(request.ready) };
}

/** `RepositoryModelLoad`; uploads in it need the management token. */
export async function loadModel(
  plane: DataPlane,
  management: Management,
  request: LoadRequest,
  metadata: Metadata,
): Promise<Empty> {
  management.checkChange(metadata);
  checkRepository(request.repository_name);
  const options = loadOptionsFrom(request.parameters);
  if (options.files.size > 0) management.checkToken(metadata, 'uploading files');
  await plane.load(checkModelName(request.model_name), options);
  return {};
}

/** `RepositoryModelUnload`. Models do not depend on each other: `unload_dependents` changes nothing. */
export async function unloadModel(
  plane: DataPlane,
  management: Management,
  request: UnloadRequest,
  metadata: Metadata,
): Promise<Empty> {
  management.checkChange(metadata);
  checkRepository(request.repository_name);
  for (const name of Object.keys(request.parameters)) {
    if (name !== 'unload_dependents') {
      throw invalidArgument('parameters of unload', 'must be unload_dependents', name);
    }
  }
  await plane.unload(checkModelName(request.model_name));
  return {};
}

function checkRepository(name: string): void {
  if (name === '') return;
  throw new DnnScalerError('unsupported', 'there is one repository, so none may be named');
}

function loadOptionsFrom(parameters: LoadRequest['parameters']): LoadOptions {
  const files = new Map<string, Uint8Array>();
  let config: string | undefined;
  for (const [name, parameter] of Object.entries(parameters)) {
    if (name === 'config') config = textOf(name, parameter);
    else if (name.startsWith('file:')) files.set(name.slice(5), bytesOf(name, parameter));
    else throw invalidArgument('parameters of load', 'must be config and file:PATH', name);
  }
  return config === undefined ? { files } : { config, files };
}

function textOf(name: string, parameter: RepositoryParameter): string {
  if (parameter.string_param !== undefined) return parameter.string_param;
  throw invalidArgument(name, 'must be a string_param', parameter.parameter_choice);
}

function bytesOf(name: string, parameter: RepositoryParameter): Uint8Array {
  if (parameter.bytes_param !== undefined) return parameter.bytes_param;
  throw invalidArgument(name, 'must be a bytes_param', parameter.parameter_choice);
}
