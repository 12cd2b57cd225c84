import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import { dividedBy, isPerRow, sameExtent, times } from './extent.ts';
import type { Extent } from './extent.ts';
import { intAttribute } from './facts.ts';
import type { Call, Facts, Infer } from './facts.ts';
import { mostValues } from './shape-makers.ts';

/** The dimensions of a broadcast result; undefined where a rank is not known. */
export function broadcastDims(
  shapes: readonly (readonly Extent[] | undefined)[],
): readonly Extent[] | undefined {
  if (shapes.some((dims) => dims === undefined)) return undefined;
  return (shapes as readonly (readonly Extent[])[]).reduce((a, b) => {
    const rank = Math.max(a.length, b.length);
    return Array.from({ length: rank }, (_, i) => {
      const one = i < rank - a.length ? 1 : a[i - rank + a.length];
      const other = i < rank - b.length ? 1 : b[i - rank + b.length];
      return broadcastExtent(one, other);
    });
  });
}

function broadcastExtent(a: Extent, b: Extent): Extent {
  if (a === 1) return b;
  if (b === 1 || sameExtent(a, b)) return a;
  // The other one must be 1 or the same.
  if (a === undefined) return b;
  return b === undefined ? a : undefined;
}

type Combine = (values: readonly Extent[]) => Extent;

const onNumbers =
  (combine: (...values: number[]) => number): Combine =>
  (values) =>
    values.every((value) => typeof value === 'number') ? combine(...values) : undefined;

const combines: Readonly<Record<string, Combine>> = {
  Add: sum,
  Sub: ([a, b]) => (sameExtent(a, b) ? 0 : sum([a, times(b, -1)])),
  Mul: ([a, b]) => times(a, b),
  Div: divide,
  Mod: onNumbers((a, b) => a - b * Math.floor(a / b)),
  Max: onNumbers(Math.max),
  Min: onNumbers(Math.min),
  Equal: equal,
  Greater: onNumbers((a, b) => Number(a > b)),
  GreaterOrEqual: onNumbers((a, b) => Number(a >= b)),
  Less: onNumbers((a, b) => Number(a < b)),
  LessOrEqual: onNumbers((a, b) => Number(a <= b)),
  And: onNumbers((a, b) => Number(a !== 0 && b !== 0)),
  Or: onNumbers((a, b) => Number(a !== 0 || b !== 0)),
  Where: ([condition, a, b]) => {
    if (typeof condition === 'number') return condition === 0 ? b : a;
    return sameExtent(a, b) ? a : undefined;
  },
  Identity: ([a]) => a,
  Cast: ([a]) => a,
  Abs: onNumbers(Math.abs),
  Neg: ([a]) => times(a, -1),
  Ceil: onNumbers(Math.ceil),
  Floor: onNumbers(Math.floor),
  Round: onNumbers(Math.round),
  Sqrt: onNumbers(Math.sqrt),
  Not: onNumbers((a) => Number(a === 0)),
};

function sum([a, b]: readonly Extent[]): Extent {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (isPerRow(a) && isPerRow(b)) return { perRow: a.perRow + b.perRow };
  if (a === 0) return b;
  return b === 0 ? a : undefined;
}

function divide([a, b]: readonly Extent[]): Extent {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? undefined : a / b;
  return dividedBy(a, b);
}

/** A batch has any size, so it equals no number that is not positive. */
function equal([a, b]: readonly Extent[]): Extent {
  if (typeof a === 'number' && typeof b === 'number') return Number(a === b);
  if (sameExtent(a, b)) return 1;
  const number = typeof a === 'number' ? a : b;
  return a !== undefined && b !== undefined && typeof number === 'number' && number < 1
    ? 0
    : undefined;
}

/** Element by element with broadcasting; short results are computed where their operands are known. */
function elementwise(call: Call, elementType: number | undefined): Facts {
  const operands = call.operands.map((operand) => operand ?? {});
  const dims = broadcastDims(operands.map((operand) => operand.dims));
  return { elementType, dims, values: valuesOf(call, operands, dims) };
}

function valuesOf(
  { node }: Call,
  operands: readonly Facts[],
  dims: readonly Extent[] | undefined,
): readonly Extent[] | undefined {
  const combine = combines[node.op_type];
  if (combine === undefined || dims === undefined || dims.length > 1) return undefined;
  const length = dims.length === 0 ? 1 : dims[0];
  if (typeof length !== 'number' || length > mostValues) return undefined;
  const lists = operands.map(({ values }) => values);
  if (lists.some((values) => values === undefined)) return undefined;
  const truncates = node.op_type === 'Div' && isInteger(operands[0]?.elementType);
  return Array.from({ length }, (_, i) => {
    const each = (lists as (readonly Extent[])[]).map((v) => (v.length === 1 ? v[0] : v[i]));
    const value = combine(each);
    return truncates && typeof value === 'number' ? Math.trunc(value) : value;
  });
}

function isInteger(elementType: number | undefined): boolean {
  return elementType === elementTypeOf.INT64 || elementType === elementTypeOf.INT32;
}

const sameType: Infer = (call) => [elementwise(call, call.operands[0]?.elementType)];
const toBool: Infer = (call) => [elementwise(call, elementTypeOf.BOOL)];

/** The first output has the type and shape of the first input; so have others, such as masks. */
const likeFirst: Infer = ({ operands, node }) => {
  const { elementType, dims } = operands[0] ?? {};
  return node.output.map(() => ({ elementType, dims }));
};

/** As above, but only the first output is known. */
const onlyFirst: Infer = (call) => likeFirst(call).slice(0, 1);

const named = (names: string, infer: Infer): Record<string, Infer> =>
  Object.fromEntries(names.split(' ').map((name) => [name, infer]));

/** Operators that work on each element, or leave the shape of their first input as it is. */
export const elementwiseOperators: Readonly<Record<string, Infer>> = {
  ...named(
    'Add Sub Mul Div Mod Pow Max Min Mean Sum BitShift PRelu BitwiseAnd BitwiseOr',
    sameType,
  ),
  ...named('Abs Neg Ceil Floor Round Sqrt Identity', sameType),
  ...named('Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not', toBool),
  ...named('IsNaN IsInf', (call) => [{ ...likeFirst(call)[0], elementType: elementTypeOf.BOOL }]),
  ...named(
    'Acos Acosh Asin Asinh Atan Atanh Celu Clip Cos Cosh CumSum Elu Erf Exp Gelu HardSigmoid ' +
      'HardSwish Hardmax LRN LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization ' +
      'Mish Reciprocal Relu ScatterElements ScatterND Scatter Selu Shrink Sigmoid Sign Sin Sinh ' +
      'Softmax Softplus Softsign Swish Tan Tanh ThresholdedRelu Trilu BitwiseNot ' +
      'InstanceNormalization GroupNormalization RMSNormalization RotaryEmbedding ' +
      'BiasGelu FastGelu QuickGelu',
    likeFirst,
  ),
  ...named(
    'BatchNormalization LayerNormalization SimplifiedLayerNormalization ' +
      'SkipLayerNormalization SkipSimplifiedLayerNormalization',
    onlyFirst,
  ),
  Dropout: (call) => {
    const [first] = likeFirst(call);
    return [first ?? {}, { ...first, elementType: elementTypeOf.BOOL }];
  },
  Where: (call) => [elementwise(call, call.operands[1]?.elementType)],
  Cast: (call) => [elementwise(call, intAttribute(call.node, 'to', 0) || undefined)],
  CastLike: ({ operands }) => [{ dims: operands[0]?.dims, elementType: operands[1]?.elementType }],
  QuantizeLinear: ({ operands }) => [
    { dims: operands[0]?.dims, elementType: operands[2]?.elementType ?? elementTypeOf.UINT8 },
  ],
  DequantizeLinear: ({ operands }) => [
    { dims: operands[0]?.dims, elementType: operands[1]?.elementType },
  ],
  DynamicQuantizeLinear: ({ operands }) => [
    { dims: operands[0]?.dims, elementType: elementTypeOf.UINT8 },
    { dims: [], elementType: elementTypeOf.FP32 },
    { dims: [], elementType: elementTypeOf.UINT8 },
  ],
};
