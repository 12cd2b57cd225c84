import type { ParameterValue } from '../../oip/data-plane.ts';

/*
 * The messages that proto-loader makes and takes, in the protocol's names. What the data plane tells
 * of models, their configuration and statistics has those names too, and is sent as it is. The
 * messages of inference are not among them: they are read and written by `oip/`.
 */

export type Empty = Readonly<Record<string, never>>;

export interface ModelVersion {
  readonly name: string;
  readonly version: string;
}

export interface IndexRequest {
  readonly repository_name: string;
  readonly ready: boolean;
}

/** A message of one of several fields; `parameter_choice` names the one that is set. */
export interface RepositoryParameter {
  readonly parameter_choice?: 'bool_param' | 'int64_param' | 'string_param' | 'bytes_param';
  readonly string_param?: string;
  readonly bytes_param?: Uint8Array;
}

export interface LoadRequest {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters: Readonly<Record<string, RepositoryParameter>>;
}

export type UnloadRequest = LoadRequest;

export interface TraceRequest {
  readonly settings: Readonly<Record<string, { readonly value: readonly string[] }>>;
  readonly model_name: string;
}

export interface LogRequest {
  readonly settings: Readonly<Record<string, ParameterValue | object>>;
}

export interface HealthRequest {
  readonly service: string;
}

export interface HealthResponse {
  readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
}
