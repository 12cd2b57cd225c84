import type { NodeProto } from '../zoo/onnx/proto.ts';
import { isOwnDomain, nameOf } from './file/model-file.ts';
import type { ModelFile } from './file/model-file.ts';
import { product, showExtents } from './shapes/extent.ts';
import type { Extent } from './shapes/extent.ts';
import { intAttribute, textAttribute } from './shapes/facts.ts';
import type { Call, Facts } from './shapes/facts.ts';
import { GraphFacts } from './shapes/graph-facts.ts';
import { isInferred } from './shapes/infer.ts';
import { einsumLabels, einsumSizes } from './shapes/products.ts';

/** Multiply-adds of one run, and what they leave out. */
export interface MultiplyAdds {
  /** Multiplications with an addition in convolutions, matrix products and recurrent layers. */
  readonly counted: number;
  /** What could not be counted: sentences for people, each about one or more nodes. */
  readonly notCounted: readonly string[];
}

type Count = (call: Call, outputs: readonly Facts[]) => Extent;

const sizeOf = (facts: Facts | undefined): Extent => product(facts?.dims ?? [undefined]);

/** Elements of the result times the length of the sum behind each. */
const convolution =
  (filter: number): Count =>
  ({ operands }, [output]) => {
    const [, ...window] = operands[filter]?.dims ?? [undefined, undefined];
    return product([sizeOf(output), ...window]);
  };

const matMul: Count = ({ node, operands }, [output]) => {
  const swapped = node.op_type.endsWith('Gemm') || node.op_type === 'FusedMatMul';
  const transposed = swapped && intAttribute(node, 'transA', 0) === 1;
  const dims = operands[0]?.dims;
  return product([sizeOf(output), transposed ? dims?.at(-2) : dims?.at(-1)]);
};

/** Per step, direction and row: gates x hidden x (input + hidden). */
const recurrent =
  (gates: number): Count =>
  ({ node, operands: [x] }) => {
    const [first, second, size] = x?.dims ?? [];
    const hidden = intAttribute(node, 'hidden_size', 0) || undefined;
    const directions = textAttribute(node, 'direction') === 'bidirectional' ? 2 : 1;
    if (typeof size !== 'number' || hidden === undefined) return undefined;
    return product([first, second, directions * gates * hidden * (size + hidden)]);
  };

const einsum: Count = (call) => {
  const labels = einsumLabels(call);
  if (labels === undefined) return undefined;
  return product([...einsumSizes(call, labels.inputs).values()]);
};

const counts: Readonly<Record<string, Count>> = {
  Conv: convolution(1),
  FusedConv: convolution(1),
  ConvInteger: convolution(1),
  QLinearConv: convolution(3),
  // Each element of the input goes through the whole filter of its group.
  ConvTranspose: ({ operands: [data, filters] }) =>
    product([sizeOf(data), ...(filters?.dims?.slice(1) ?? [undefined])]),
  MatMul: matMul,
  MatMulInteger: matMul,
  MatMulIntegerToFloat: matMul,
  DynamicQuantizeMatMul: matMul,
  QLinearMatMul: matMul,
  FusedMatMul: matMul,
  Gemm: matMul,
  FusedGemm: matMul,
  Einsum: einsum,
  RNN: recurrent(1),
  GRU: recurrent(3),
  LSTM: recurrent(4),
};

/** Operators without shape inference here that multiply nothing. */
const free = new Set([
  'NonMaxSuppression', 'NonZero', 'Unique', 'Compress', 'EyeLike', 'ReverseSequence', 'RoiAlign',
  'MaxRoiPool', 'MaxUnpool', 'RandomNormal', 'RandomUniform', 'RandomNormalLike',
  'RandomUniformLike', 'Multinomial', 'Bernoulli', 'StringNormalizer', 'StringConcat',
  'TfIdfVectorizer', 'Tokenizer', 'SequenceAt', 'SequenceConstruct', 'SequenceEmpty',
  'SequenceInsert', 'SequenceErase', 'SequenceLength', 'SplitToSequence', 'ConcatFromSequence',
  'Optional', 'OptionalGetElement', 'OptionalHasElement', 'HannWindow', 'HammingWindow',
  'BlackmanWindow', 'GridSample', 'Col2Im', 'CenterCropPad', 'BitCast', 'TensorScatter',
]); // prettier-ignore

/**
 * Counts the multiply-adds of one run, with shape inference.
 *
 * @param inputDims dimensions of each input of the run; undefined sizes are unknown
 * @param sizes sizes of the named dimensions
 */
export function countMultiplyAdds(
  file: ModelFile,
  inputDims: ReadonlyMap<string, readonly Extent[]>,
  sizes: ReadonlyMap<string, number>,
): MultiplyAdds {
  const facts = new GraphFacts(
    file,
    (name) => inputDims.get(name),
    (dims) => dims.map((dim) => (typeof dim === 'number' ? dim : sizes.get(dim))),
  );
  let counted = 0;
  const unknown = new Map<string, string[]>();
  for (const node of file.model.graph.node) {
    const call = facts.callOf(node);
    const outputs = facts.infer(call);
    const gap = gapOf(call);
    if (gap !== undefined) {
      note(unknown, gap, node);
      continue;
    }
    const count = counts[node.op_type];
    if (count === undefined) continue;
    const known = count(call, outputs);
    if (typeof known === 'number') counted += known;
    else {
      const shapes = call.operands.map((operand) => showExtents(operand?.dims)).slice(0, 2);
      note(unknown, `${node.op_type} on ${shapes.join(' and ')}`, node);
    }
  }
  return {
    counted,
    notCounted: [...unknown].map(([what, names]) => {
      const others = names.length === 1 ? '' : ` and ${names.length - 1} more`;
      return `${what}: ${names[0]}${others}`;
    }),
  };
}

/** Why nothing at all can be said of what a node multiplies; undefined when something can. */
function gapOf({ node }: Call): string | undefined {
  if (node.attribute.some(({ g, graphs = [] }) => g !== undefined || graphs.length > 0)) {
    return `${node.op_type}, whose subgraph runs as often as its inputs say`;
  }
  if (isInferred(node) || (isOwnDomain(node.domain) && free.has(node.op_type))) return undefined;
  const domain = isOwnDomain(node.domain) ? '' : `${node.domain}.`;
  return `${domain}${node.op_type}, which is not known here`;
}

function note(unknown: Map<string, string[]>, what: string, node: NodeProto): void {
  unknown.set(what, [...(unknown.get(what) ?? []), nameOf(node)]);
}
