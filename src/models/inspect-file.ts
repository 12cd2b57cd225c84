import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findBatch } from '../engines/onnx/model-layout.ts';
import type { Batch } from '../engines/onnx/model-layout.ts';
import { externalDataLocations } from '../zoo/onnx/external-data.ts';
import type { ValueInfoProto } from '../zoo/onnx/proto.ts';
import { elementTypeName } from './element-types.ts';
import { readModelFile } from './file/model-file.ts';
import type { ModelFile } from './file/model-file.ts';
import { countMultiplyAdds } from './multiply-adds.ts';
import { countParameters } from './parameters.ts';
import type { ParameterCounts } from './parameters.ts';
import { declaredDims, requiredInputs } from './shapes/graph-facts.ts';

/** An input or output as the file declares it. */
export interface ValueReport {
  readonly name: string;
  /** Such as FP32 or INT64; for what is no tensor, words for what it is. */
  readonly datatype: string;
  /** Sizes, and names of open sizes ('' without a name); null when no shape is declared. */
  readonly dims: readonly (number | string)[] | null;
}

/** Dimensions, other than the batch, that a run has to be told. */
export interface OpenInput {
  readonly input: string;
  /** The open dimensions by their names, or by their position from 1. */
  readonly dims: readonly (string | number)[];
}

/** What an ONNX file says of itself, without running it. */
export interface FileReport extends ParameterCounts {
  readonly file: string;
  readonly bytes: number;
  readonly irVersion: number;
  readonly producer: string | null;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly inputs: readonly ValueReport[];
  readonly outputs: readonly ValueReport[];
  readonly nodes: number;
  /** Calls by operator, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
  /** For one row, rounded. */
  readonly multiplyAdds: number;
  /** What is not among them, in sentences for people. Empty when everything was counted. */
  readonly multiplyAddsNotCounted: readonly string[];
  /** Files with weights, as the model names them; bytes are null for one that is missing. */
  readonly externalData: readonly { readonly location: string; readonly bytes: number | null }[];
  /** By the declared shapes alone. */
  readonly declaredBatch: DeclaredBatch;
  readonly openDimensions: readonly OpenInput[];
}

/** The batch dimension as the inputs declare it. */
export type DeclaredBatch =
  | { readonly kind: 'symbolic'; readonly name: string }
  | { readonly kind: 'fixed'; readonly size: number }
  | { readonly kind: 'none' };

export type Shapes = Readonly<Record<string, readonly number[]>>;

/**
 * Reads what a file says, and counts.
 *
 * @param shapes dimensions of inputs that the model leaves open, batch position included
 * @throws DnnScalerError `not-found` without a file; `invalid-argument` for one that is no model
 */
export async function inspectFile(path: string, shapes: Shapes = {}): Promise<FileReport> {
  const file = await readModelFile(path);
  const { model, bytes } = file;
  const inputs = requiredInputs(model.graph);
  const { batched, rowsPerRun } = batchOf(inputs);
  const { inputDims, sizes, open } = settle(inputs, batched, shapes);
  const rows = rowsPerRun === 'any' ? 1 : rowsPerRun;
  const { counted, notCounted } = countMultiplyAdds(file, inputDims, sizes);
  const producer = [model.producer_name, model.producer_version].filter(Boolean).join(' ');
  return {
    file: path,
    bytes: bytes.length,
    irVersion: model.ir_version,
    producer: producer === '' ? null : producer,
    opsets: model.opset_import.map(({ domain = '', version }) => ({
      domain: domain === '' ? 'ai.onnx' : domain,
      version,
    })),
    inputs: inputs.map(valueReport),
    outputs: model.graph.output.map(valueReport),
    nodes: model.graph.node.length,
    operators: operatorsOf(file),
    ...countParameters(model.graph),
    multiplyAdds: Math.round(counted / rows),
    multiplyAddsNotCounted: notCounted,
    externalData: await externalFiles(file),
    declaredBatch: declaredBatch(inputs, batched, rowsPerRun),
    openDimensions: open,
  };
}

function batchOf(inputs: readonly ValueInfoProto[]): Batch {
  if (inputs.length === 0) return { batched: [], rowsPerRun: 1, notes: [] };
  return findBatch(inputs.map((input) => ({ name: input.name, shape: declaredDims(input) ?? [] })));
}

/** The sizes of one run: declared, given, or of one row; and the dimensions that stay open. */
function settle(
  inputs: readonly ValueInfoProto[],
  batched: readonly boolean[],
  shapes: Shapes,
): {
  inputDims: ReadonlyMap<string, readonly (number | undefined)[]>;
  sizes: ReadonlyMap<string, number>;
  open: OpenInput[];
} {
  const sizes = new Map<string, number>();
  const named = (dim: number | string | undefined): dim is string =>
    typeof dim === 'string' && dim !== '';
  for (const [i, input] of inputs.entries()) {
    const dims = declaredDims(input) ?? [];
    if (batched[i] === true && named(dims[0])) sizes.set(dims[0], 1);
  }
  for (const [i, input] of inputs.entries()) {
    for (const [position, dim] of (declaredDims(input) ?? []).entries()) {
      const given = shapes[input.name]?.[position];
      const isBatch = batched[i] === true && position === 0;
      if (named(dim) && !isBatch && given !== undefined) sizes.set(dim, given);
    }
  }
  const inputDims = new Map<string, readonly (number | undefined)[]>();
  const open: OpenInput[] = [];
  for (const [i, input] of inputs.entries()) {
    const given = shapes[input.name];
    const declared = declaredDims(input) ?? given?.map(() => '');
    if (declared === undefined) continue;
    const dims = declared.map((dim, position) => {
      if (typeof dim === 'number') return dim;
      if (batched[i] === true && position === 0) return 1;
      return sizes.get(dim) ?? given?.[position];
    });
    inputDims.set(input.name, dims);
    const lacking = dims.flatMap((size, position) =>
      size === undefined ? [named(declared[position]) ? declared[position] : position + 1] : [],
    );
    if (lacking.length > 0) open.push({ input: input.name, dims: lacking });
  }
  return { inputDims, sizes, open };
}

function declaredBatch(
  inputs: readonly ValueInfoProto[],
  batched: readonly boolean[],
  rowsPerRun: number | 'any',
): DeclaredBatch {
  const [first] = inputs;
  const [dim] = (first && declaredDims(first)) ?? [];
  if (first === undefined || dim === undefined || !batched.every(Boolean)) return { kind: 'none' };
  if (rowsPerRun === 'any') return { kind: 'symbolic', name: String(dim) };
  return typeof dim === 'number' ? { kind: 'fixed', size: dim } : { kind: 'none' };
}

function valueReport(value: ValueInfoProto): ValueReport {
  return {
    name: value.name,
    datatype: elementTypeName(value),
    dims: declaredDims(value) ?? null,
  };
}

function operatorsOf({ model }: ModelFile): Record<string, number> {
  const calls = new Map<string, number>();
  for (const { op_type: opType } of model.graph.node) {
    calls.set(opType, (calls.get(opType) ?? 0) + 1);
  }
  return Object.fromEntries([...calls].sort(([, a], [, b]) => b - a));
}

async function externalFiles({ path, bytes }: ModelFile): Promise<FileReport['externalData']> {
  return Promise.all(
    externalDataLocations(bytes).map(async (location) => {
      const found = await stat(join(dirname(path), location)).catch(() => undefined);
      return { location, bytes: found?.size ?? null };
    }),
  );
}
