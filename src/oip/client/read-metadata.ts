import { DnnScalerError } from '../../errors.ts';
import type { ModelMetadata, ServerMetadata, TensorMetadata } from '../data-plane.ts';
import { checkDatatype } from '../wire-limits.ts';

/** @throws DnnScalerError `internal` when it is no object */
export function readServerMetadata(json: unknown): ServerMetadata {
  const { name, version, extensions } = fieldsOf(json, 'the server metadata');
  return {
    name: textOr(name, ''),
    version: textOr(version, ''),
    extensions: Array.isArray(extensions) ? extensions.map(String) : [],
  };
}

/**
 * What a model takes and gives, as its server says. Lists that are missing are empty.
 *
 * @throws DnnScalerError `internal` when a tensor has no name or shape; `invalid-argument` for a
 *   datatype that the protocol does not know
 */
export function readModelMetadata(json: unknown): ModelMetadata {
  const { name, versions, platform, inputs, outputs } = fieldsOf(json, 'the model metadata');
  return {
    name: textOr(name, ''),
    versions: Array.isArray(versions) ? versions.map(String) : [],
    platform: textOr(platform, ''),
    inputs: listOf(inputs).map(readTensor),
    outputs: listOf(outputs).map(readTensor),
  };
}

function readTensor(value: unknown): TensorMetadata {
  const { name, datatype, shape } = Object(value) as Record<string, unknown>;
  if (typeof name !== 'string' || !Array.isArray(shape)) {
    throw new DnnScalerError('internal', 'the model metadata has a tensor without name or shape');
  }
  // Protobuf's JSON writes 64-bit integers as text.
  const dims = shape.map(Number);
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= -1)) {
    throw new DnnScalerError('internal', `tensor ${name} has the shape ${JSON.stringify(shape)}`);
  }
  return { name, datatype: checkDatatype(`tensor ${name}`, datatype), shape: dims };
}

function fieldsOf(json: unknown, what: string): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new DnnScalerError('internal', `${what} is no JSON object: is it an inference server?`);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
