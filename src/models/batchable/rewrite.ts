import type { GraphProto, ValueInfoProto } from '../../zoo/onnx/proto.ts';
import { GraphEdits, withOpenDim } from '../file/graph-edits.ts';
import { isOwnDomain } from '../file/model-file.ts';
import type { ModelFile } from '../file/model-file.ts';
import { batchExtent, isPerRow, showExtents } from '../shapes/extent.ts';
import type { Extent } from '../shapes/extent.ts';
import type { Facts } from '../shapes/facts.ts';
import { GraphFacts, declaredDims, requiredInputs } from '../shapes/graph-facts.ts';
import { isInferred } from '../shapes/infer.ts';
import { batchAxis } from './batch-axis.ts';
import { NodeRewriter, RewriteContext } from './node-rewriter.ts';
import { refuse } from './refusal.ts';
import { hasOneBatch, rowRules } from './row-rules.ts';
import { shapeRules } from './shape-rules.ts';

/** A model with its batch dimension opened, not yet proven. */
export interface Rewritten {
  /** The new file, in pieces to be written in turn. */
  readonly pieces: readonly Uint8Array[];
  /** Name of the open dimension. */
  readonly batchName: string;
  /** Rows of the model as it was; undefined when its batch was open already. */
  readonly batchSize: number | undefined;
  /** What was changed, in sentences for people. */
  readonly changes: readonly string[];
  /** Nodes of which only a run can tell whether rows stay apart. */
  readonly assumed: readonly string[];
  /** Names of the values whose first dimension is the batch, in the order of the nodes. */
  readonly batchedValues: readonly string[];
}

const rules = { ...shapeRules, ...rowRules };

/** Name of the batch dimension in the files that are written, unless it is taken. */
const wantedBatchName = 'batch';

/**
 * Opens the batch dimension of a model: in its inputs and outputs, and in the nodes that have it
 * written out. Follows the batch through the graph, node by node, so that a node that mixes rows is
 * found and named.
 *
 * @throws DnnScalerError `unsupported` when rows cannot share a batch, saying which node is why
 */
export function openBatch(file: ModelFile): Rewritten {
  const { graph } = file.model;
  const inputs = requiredInputs(graph);
  const { batchSize, name } = findBatchSize(inputs);
  const edits = new GraphEdits(file);
  const rows = batchSize ?? 1;
  const context = new RewriteContext(edits, graph, (inputs[0] as ValueInfoProto).name, rows);
  const batchName = name ?? unusedDim(graph);
  const facts = factsOf(file, inputs, rows);
  for (const [index, node] of graph.node.entries()) {
    const rewriter = new NodeRewriter(context, index, facts.callOf(node));
    if (isOwnDomain(node.domain) && Object.hasOwn(rules, node.op_type)) {
      (rules[node.op_type] as (rewriter: NodeRewriter) => void)(rewriter);
    }
    checkOutputs(rewriter, facts, facts.infer(rewriter.call));
  }
  if (batchSize !== undefined || edits.changed) openValues(file, edits, facts, batchName);
  checkModelOutputs(graph, facts);
  return {
    pieces: edits.pieces(),
    batchName,
    batchSize,
    changes: context.changes,
    assumed: [...context.assumed],
    batchedValues: batchedValues(graph, facts),
  };
}

/** The first dimension of every input: the same size in all of them, or open in all of them. */
function findBatchSize(inputs: readonly ValueInfoProto[]): { batchSize?: number; name?: string } {
  if (inputs.length === 0) throw refuse('it has no inputs');
  const firsts = inputs.map((input) => declaredDims(input)?.[0]);
  const [first] = firsts;
  for (const [i, { name }] of inputs.entries()) {
    const dims = declaredDims(inputs[i] as ValueInfoProto);
    if (dims === undefined) throw refuse(`input ${name} has no declared shape`);
    if (dims.length === 0) throw refuse(`input ${name} is a scalar, without a batch dimension`);
    if (typeof firsts[i] === 'string' && typeof first === 'string') continue;
    if (firsts[i] !== first) {
      const shapes = inputs.map(
        (each) => `${each.name} [${(declaredDims(each) ?? []).join(', ')}]`,
      );
      throw refuse(`its inputs do not agree on a batch in front: ${shapes.join(', ')}`);
    }
  }
  return typeof first === 'number'
    ? { batchSize: first }
    : { name: first === '' ? 'batch' : String(first) };
}

function factsOf(file: ModelFile, inputs: readonly ValueInfoProto[], rows: number): GraphFacts {
  const sizeOf = (dim: number | string): Extent => (typeof dim === 'number' ? dim : undefined);
  const dimsOf = new Map(
    inputs.map((input) => {
      const [, ...rest] = declaredDims(input) ?? [];
      return [input.name, [batchExtent, ...rest.map(sizeOf)]];
    }),
  );
  return new GraphFacts(
    file,
    (name) => dimsOf.get(name),
    (dims, fromRows) =>
      // What the file declares of a value in between is of the batch as it was.
      dims.map((dim, axis) =>
        fromRows && axis === 0 && (dim === rows || typeof dim === 'string')
          ? batchExtent
          : sizeOf(dim),
      ),
  );
}

/** Whatever depends on the rows has them along one dimension. */
function checkOutputs(rewriter: NodeRewriter, facts: GraphFacts, outputs: readonly Facts[]): void {
  const { node } = rewriter;
  const quantises = node.op_type === 'DynamicQuantizeLinear';
  for (const [index, { dims, fromRows }] of outputs.entries()) {
    const name = node.output[index] ?? '';
    if (name === '' || fromRows !== true) continue;
    if (quantises && index > 0) {
      facts.set(name, { dims, fromRows: false });
      continue;
    }
    const known = dims?.every((extent) => extent !== undefined) === true;
    if (dims !== undefined && !hasOneBatch(dims)) {
      rewriter.refuse(`brings every row together with every other: ${showExtents(dims)}`);
    }
    if (dims?.some(isPerRow)) {
      if (!isInferred(node)) rewriter.assume('not known here');
      continue;
    }
    if (known) rewriter.refuse(`gives no batch dimension: ${showExtents(dims)}`);
    rewriter.assume(
      isInferred(node) ? 'its result cannot be told from the file' : 'not known here',
    );
  }
}

function checkModelOutputs(graph: GraphProto, facts: GraphFacts): void {
  for (const { name } of graph.output) {
    const { dims, fromRows } = facts.get(name) ?? {};
    if (fromRows === false) throw refuse(`output ${name} does not depend on the inputs`);
    const axis = batchAxis({ dims });
    if (axis === undefined) continue;
    const extent = dims?.[axis];
    if (axis !== 0 || !isPerRow(extent) || extent.perRow !== 1) {
      throw refuse(
        `output ${name} has the shape ${showExtents(dims)}, with the batch not in front`,
      );
    }
  }
}

/** Names the batch in inputs and outputs, and drops what is declared of values in between. */
function openValues(
  file: ModelFile,
  edits: GraphEdits,
  facts: GraphFacts,
  batchName: string,
): void {
  const { graph } = file.model;
  const wanted = new Set(requiredInputs(graph).map(({ name }) => name));
  const isFixed = (value: ValueInfoProto): boolean => typeof declaredDims(value)?.[0] === 'number';
  for (const part of ['input', 'output'] as const) {
    for (const [i, value] of graph[part].entries()) {
      if (!isFixed(value) || (part === 'input' && !wanted.has(value.name))) continue;
      edits.replace(part, i, withOpenDim(edits.get(part, i), 0, batchName));
    }
  }
  // The runtime infers these again; those of values that no row reaches stay true.
  for (const [i, { name }] of graph.value_info.entries()) {
    const { dims, fromRows } = facts.get(name) ?? {};
    const staysTrue = fromRows === false && dims?.some(isPerRow) === false;
    if (!staysTrue) edits.replace('valueInfo', i, null);
  }
}

function unusedDim(graph: GraphProto): string {
  const values = [...graph.input, ...graph.output, ...graph.value_info];
  const taken = new Set(values.flatMap((value) => declaredDims(value) ?? []));
  let name = wantedBatchName;
  for (let i = 1; taken.has(name); i += 1) name = `${wantedBatchName}_${i}`;
  return name;
}

function batchedValues(graph: GraphProto, facts: GraphFacts): readonly string[] {
  return graph.node
    .flatMap(({ output }) => output)
    .filter((name) => {
      const first = facts.get(name)?.dims?.[0];
      return isPerRow(first) && first.perRow === 1;
    });
}
