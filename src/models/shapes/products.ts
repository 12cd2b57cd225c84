import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import { broadcastDims } from './elementwise.ts';
import type { Extent } from './extent.ts';
import { intAttribute, textAttribute } from './facts.ts';
import type { Call, Infer } from './facts.ts';

/** The dimensions of a matrix product as numpy defines it. */
function productDims(
  a: readonly Extent[] | undefined,
  b: readonly Extent[] | undefined,
): readonly Extent[] | undefined {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined;
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const stack = broadcastDims([left.slice(0, -2), right.slice(0, -2)]) ?? [];
  const rows = a.length === 1 ? [] : [left.at(-2)];
  const columns = b.length === 1 ? [] : [right.at(-1)];
  return [...stack, ...rows, ...columns];
}

/** @param right which input holds the right matrix */
const matMul =
  (right: number, elementType?: number): Infer =>
  ({ operands }) => [
    {
      elementType: elementType ?? operands[0]?.elementType,
      dims: productDims(operands[0]?.dims, operands[right]?.dims),
    },
  ];

const swapLast = (
  dims: readonly Extent[] | undefined,
  swap: boolean,
): readonly Extent[] | undefined =>
  dims === undefined || !swap || dims.length < 2
    ? dims
    : [...dims.slice(0, -2), dims.at(-1), dims.at(-2)];

const fusedMatMul: Infer = ({ node, operands: [a, b] }) => [
  {
    elementType: a?.elementType,
    dims: productDims(
      swapLast(a?.dims, intAttribute(node, 'transA', 0) === 1),
      swapLast(b?.dims, intAttribute(node, 'transB', 0) === 1),
    ),
  },
];

const gemm: Infer = ({ node, operands: [a, b] }) => {
  const left = swapLast(a?.dims, intAttribute(node, 'transA', 0) === 1);
  const right = swapLast(b?.dims, intAttribute(node, 'transB', 0) === 1);
  return [{ elementType: a?.elementType, dims: [left?.[0], right?.[1]] }];
};

function lettersOf(labels: string): string[] {
  return Array.from(labels);
}

/** The labels of an Einsum, when its equation has only letters. */
export function einsumLabels(
  call: Call,
): { readonly inputs: readonly string[]; readonly output: string } | undefined {
  const equation = textAttribute(call.node, 'equation')?.replaceAll(' ', '') ?? '';
  if (!/^[A-Za-z]+(,[A-Za-z]+)*(->[A-Za-z]*)?$/.test(equation)) return undefined;
  const [left = '', right] = equation.split('->');
  const inputs = left.split(',');
  if (right !== undefined) return { inputs, output: right };
  // Without an arrow: the labels that occur once, in alphabetical order.
  const letters = lettersOf(inputs.join(''));
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return { inputs, output: once.sort().join('') };
}

/** The size of each label of an Einsum. */
export function einsumSizes(call: Call, inputs: readonly string[]): ReadonlyMap<string, Extent> {
  const sizes = new Map<string, Extent>();
  for (const [i, labels] of inputs.entries()) {
    for (const [axis, label] of lettersOf(labels).entries()) {
      const size = call.operands[i]?.dims?.[axis];
      const known = sizes.get(label);
      if (known === undefined || known === 1) sizes.set(label, size);
    }
  }
  return sizes;
}

const einsum: Infer = (call) => {
  const labels = einsumLabels(call);
  const elementType = call.operands[0]?.elementType;
  if (labels === undefined) return [{ elementType }];
  const sizes = einsumSizes(call, labels.inputs);
  return [{ elementType, dims: lettersOf(labels.output).map((label) => sizes.get(label)) }];
};

/** Dimensions of RNN, GRU and LSTM: x [steps, batch, size], or [batch, steps, size] by `layout`. */
const recurrent: Infer = ({ node, operands: [x] }) => {
  const elementType = x?.elementType;
  const hidden = intAttribute(node, 'hidden_size', 0) || undefined;
  const directions = textAttribute(node, 'direction') === 'bidirectional' ? 2 : 1;
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  const [steps, batch] = batchFirst ? [x?.dims?.[1], x?.dims?.[0]] : [x?.dims?.[0], x?.dims?.[1]];
  const all = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  const last = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  return [{ elementType, dims: all }, ...[last, last].map((dims) => ({ elementType, dims }))];
};

/** Matrix products, and the recurrent layers that are made of them. */
export const productOperators: Readonly<Record<string, Infer>> = {
  MatMul: matMul(1),
  MatMulInteger: matMul(1, elementTypeOf.INT32),
  MatMulIntegerToFloat: matMul(1, elementTypeOf.FP32),
  DynamicQuantizeMatMul: matMul(1),
  QLinearMatMul: matMul(3),
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  FusedGemm: gemm,
  Einsum: einsum,
  RNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
};
