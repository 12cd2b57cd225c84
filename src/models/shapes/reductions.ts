import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import { product } from './extent.ts';
import type { Extent } from './extent.ts';
import { axisFromFront, hasInput, intAttribute, intsOf } from './facts.ts';
import type { Call, Infer } from './facts.ts';

/** The axes over which a call reduces, counted from the front; undefined where not known. */
export function reducedAxes(call: Call): readonly number[] | undefined {
  const { node, operands } = call;
  const rank = operands[0]?.dims?.length;
  if (rank === undefined) return undefined;
  if (node.op_type.startsWith('Arg')) {
    return [axisFromFront(intAttribute(node, 'axis', 0), rank) ?? 0];
  }
  const axes = intsOf(call, 'axes', 1);
  if (axes === undefined && hasInput(call, 1)) return undefined;
  if (axes === undefined || axes.length === 0) {
    const none = intAttribute(node, 'noop_with_empty_axes', 0) === 1;
    return none ? [] : Array.from({ length: rank }, (_, axis) => axis);
  }
  return axes.map((axis) => axisFromFront(axis, rank) ?? 0);
}

const reduce =
  (elementType?: number): Infer =>
  (call) => {
    const [data] = call.operands;
    const type = elementType ?? data?.elementType;
    const axes = reducedAxes(call);
    const dims = data?.dims;
    if (axes === undefined || dims === undefined) return [{ elementType: type }];
    const keep = intAttribute(call.node, 'keepdims', 1) === 1;
    const left = dims.flatMap((size, axis): Extent[] =>
      axes.includes(axis) ? (keep ? [1] : []) : [size],
    );
    // Sizes are multiplied, as in the product of a shape.
    const multiplies = call.node.op_type === 'ReduceProd' && dims.length === 1;
    const values = multiplies && data?.values ? [product(data.values)] : undefined;
    return [{ elementType: type, dims: left, values }];
  };

const topK: Infer = (call) => {
  const { node, operands } = call;
  const [data, k] = operands;
  const dims = data?.dims;
  if (dims === undefined) return [{ elementType: data?.elementType }];
  const axis = axisFromFront(intAttribute(node, 'axis', -1), dims.length);
  const count = k?.values?.[0] ?? (intAttribute(node, 'k', 0) || undefined);
  const picked = dims.map((size, position) => (position === axis ? count : size));
  return [
    { elementType: data?.elementType, dims: picked },
    { elementType: elementTypeOf.INT64, dims: picked },
  ];
};

const oneHot: Infer = ({ node, operands: [indices, depth, values] }) => {
  const elementType = values?.elementType;
  if (indices?.dims === undefined) return [{ elementType }];
  const rank = indices.dims.length + 1;
  const axis = axisFromFront(intAttribute(node, 'axis', -1), rank) ?? rank - 1;
  const dims = [...indices.dims.slice(0, axis), depth?.values?.[0], ...indices.dims.slice(axis)];
  return [{ elementType, dims }];
};

const reductions =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare';

/** Operators that make one number of many, or pick the best of many. */
export const reductionOperators: Readonly<Record<string, Infer>> = {
  ...Object.fromEntries(reductions.split(' ').map((name) => [name, reduce()])),
  ArgMax: reduce(elementTypeOf.INT64),
  ArgMin: reduce(elementTypeOf.INT64),
  TopK: topK,
  OneHot: oneHot,
};
