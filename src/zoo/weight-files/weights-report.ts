import type { ZooNetwork, NetworkOptions } from '../network.ts';
import { seededWeights } from '../weights.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { tensorflowDims } from './tensorflow-layout.ts';

/** A tensor that a network takes from a weights file. */
export interface RequiredWeight {
  /** As TF-Slim names the variable. */
  readonly name: string;
  /** In TensorFlow's order: [height, width, inputs, outputs] for a convolution. */
  readonly dims: readonly number[];
}

/** How the tensors of a file differ from those that a network takes. */
export interface WeightsReport {
  /** Tensors of the file that fit. */
  readonly fitting: number;
  readonly missing: readonly RequiredWeight[];
  readonly wrongShape: readonly (RequiredWeight & { readonly received: readonly number[] })[];
  /** Tensors that are not of floating-point numbers. */
  readonly wrongType: readonly { readonly name: string; readonly received: string }[];
  /** Tensors of the file that the network does not have. They do no harm. */
  readonly leftOver: readonly string[];
}

/** Every tensor that a weights file of this network must have, in the order of its layers. */
export function requiredWeights(
  network: ZooNetwork,
  options: NetworkOptions = {},
): RequiredWeight[] {
  const made = seededWeights(1);
  const dimsByName = new Map<string, readonly number[]>();
  const graph = network.build({
    ...options,
    weights: {
      key: '',
      tensor(name, dims, fill) {
        dimsByName.set(name, dims);
        return made.tensor(name, dims, fill);
      },
    },
  });
  const groups = new Map<string, number>();
  for (const { opType, inputs, attributes } of graph.nodes) {
    if (opType === 'Conv')
      groups.set(inputs[1] as string, (attributes.group?.value ?? 1) as number);
  }
  return [...dimsByName].map(([name, dims]) => ({
    name,
    dims: tensorflowDims(dims, groups.get(name) ?? 1),
  }));
}

export function compareWeights(
  required: readonly RequiredWeight[],
  tensors: ReadonlyMap<string, StoredTensor>,
): WeightsReport {
  const missing: RequiredWeight[] = [];
  const wrongShape: WeightsReport['wrongShape'][number][] = [];
  const wrongType: WeightsReport['wrongType'][number][] = [];
  let fitting = 0;
  for (const weight of required) {
    const found = tensors.get(weight.name);
    if (found === undefined) missing.push(weight);
    else if (found.format === undefined)
      wrongType.push({ name: weight.name, received: found.type });
    else if (!isSameShape(weight.dims, found.dims)) {
      wrongShape.push({ ...weight, received: found.dims });
    } else fitting += 1;
  }
  const known = new Set(required.map(({ name }) => name));
  const leftOver = [...tensors.keys()].filter((name) => !known.has(name));
  return { fitting, missing, wrongShape, wrongType, leftOver };
}

/** Whether the network can be built with the file. */
export function isComplete({ missing, wrongShape, wrongType }: WeightsReport): boolean {
  return missing.length === 0 && wrongShape.length === 0 && wrongType.length === 0;
}

/** The report as lines of text, with at most `most` names under each heading. */
export function describeReport(report: WeightsReport, most = Infinity): string {
  const section = (heading: string, lines: readonly string[]): string[] => {
    if (lines.length === 0) return [];
    const shown = lines.slice(0, most).map((line) => `  ${line}`);
    if (lines.length > shown.length) shown.push(`  and ${lines.length - shown.length} more`);
    return [`${heading} (${lines.length}):`, ...shown];
  };
  const { missing, wrongShape, wrongType, leftOver } = report;
  return [
    ...section(
      'missing',
      missing.map(({ name, dims }) => `${name} ${formatShape(dims)}`),
    ),
    ...section(
      'of the wrong shape',
      wrongShape.map(
        ({ name, dims, received }) =>
          `${name}: expected ${formatShape(dims)}, received ${formatShape(received)}`,
      ),
    ),
    ...section(
      'of the wrong type',
      wrongType.map(
        ({ name, received }) => `${name}: expected floating-point, received ${received}`,
      ),
    ),
    ...section('not used', leftOver),
  ].join('\n');
}

export function formatShape(dims: readonly number[]): string {
  return `[${dims.join(', ')}]`;
}

/** Alike, or the same matrix as a 1 x 1 convolution: [1, 1, inputs, outputs] or [inputs, outputs]. */
function isSameShape(expected: readonly number[], received: readonly number[]): boolean {
  const key = (dims: readonly number[]): string =>
    (dims.length === 4 && dims[0] === 1 && dims[1] === 1 ? dims.slice(2) : dims).join();
  return key(expected) === key(received);
}
