import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import { isPerRow, times } from './extent.ts';
import type { Extent } from './extent.ts';
import { attributeOf, intAttribute, intsAttribute, plainValues, textAttribute } from './facts.ts';
import type { Call, Infer } from './facts.ts';

/** Attributes that Conv and the pooling operators share, with their defaults. */
function windowOf(
  { node }: Call,
  kernel: readonly Extent[],
): {
  strides: readonly number[];
  dilations: readonly number[];
  pads: readonly number[];
} {
  const ones = kernel.map(() => 1);
  return {
    strides: intsAttribute(node, 'strides') ?? ones,
    dilations: intsAttribute(node, 'dilations') ?? ones,
    pads: intsAttribute(node, 'pads') ?? [...ones, ...ones].map(() => 0),
  };
}

/** Height, width and so on after a window slid over them (ONNX's Conv, MaxPool and AveragePool). */
function slid(call: Call, spatial: readonly Extent[], kernel: readonly Extent[]): Extent[] {
  const { strides, dilations, pads } = windowOf(call, kernel);
  const padding = textAttribute(call.node, 'auto_pad') ?? 'NOTSET';
  const up = intAttribute(call.node, 'ceil_mode', 0) === 1;
  return spatial.map((size, axis) => {
    const window = kernel[axis];
    const stride = strides[axis] ?? 1;
    if (typeof size !== 'number' || typeof window !== 'number') return undefined;
    if (padding.startsWith('SAME')) return Math.ceil(size / stride);
    const reach = (window - 1) * (dilations[axis] ?? 1) + 1;
    const [before, after] =
      padding === 'VALID' ? [0, 0] : [pads[axis] ?? 0, pads[axis + kernel.length] ?? 0];
    const steps = (size + before + after - reach) / stride;
    if (!up) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    // A window that would start in the padding behind the input is left out.
    return (count - 1) * stride >= size + before ? count - 1 : count;
  });
}

/** @param filter which input holds the filters */
const convolution =
  (filter: number, elementType?: number): Infer =>
  (call) => {
    const [data] = call.operands;
    const filters = call.operands[filter]?.dims;
    const type = elementType ?? data?.elementType;
    if (data?.dims === undefined || filters === undefined) return [{ elementType: type }];
    const [batch, , ...spatial] = data.dims;
    const [channels, , ...kernel] = filters;
    return [{ elementType: type, dims: [batch, channels, ...slid(call, spatial, kernel)] }];
  };

const transposedConvolution: Infer = (call) => {
  const { node, operands } = call;
  const [data, filters] = operands;
  const elementType = data?.elementType;
  if (data?.dims === undefined || filters?.dims === undefined) return [{ elementType }];
  const [batch, , ...spatial] = data.dims;
  const [, perGroup, ...kernel] = filters.dims;
  const { strides, dilations, pads } = windowOf(call, kernel);
  const extra = intsAttribute(node, 'output_padding') ?? kernel.map(() => 0);
  const given = intsAttribute(node, 'output_shape');
  const same = (textAttribute(node, 'auto_pad') ?? 'NOTSET').startsWith('SAME');
  const sizes = spatial.map((size, axis) => {
    if (given !== undefined) return given[given.length - spatial.length + axis];
    const window = kernel[axis];
    const stride = strides[axis] ?? 1;
    if (typeof size !== 'number' || typeof window !== 'number') return undefined;
    if (same) return size * stride;
    const reach = (window - 1) * (dilations[axis] ?? 1) + 1;
    const padding = (pads[axis] ?? 0) + (pads[axis + kernel.length] ?? 0);
    return stride * (size - 1) + (extra[axis] ?? 0) + reach - padding;
  });
  return [
    { elementType, dims: [batch, times(perGroup, intAttribute(node, 'group', 1)), ...sizes] },
  ];
};

const pool: Infer = (call) => {
  const [data] = call.operands;
  const elementType = data?.elementType;
  const kernel = intsAttribute(call.node, 'kernel_shape');
  if (data?.dims === undefined || kernel === undefined) return [{ elementType }];
  const [batch, channels, ...spatial] = data.dims;
  const dims = [batch, channels, ...slid(call, spatial, kernel)];
  return [
    { elementType, dims },
    { elementType: elementTypeOf.INT64, dims },
  ];
};

const globalPool: Infer = ({ operands: [data] }) => [
  {
    elementType: data?.elementType,
    dims: data?.dims?.map((size, axis) => (axis < 2 ? size : 1)),
  },
];

const resize: Infer = (call) => {
  const { node, operands, opset } = call;
  const [data] = operands;
  const elementType = data?.elementType;
  const dims = data?.dims;
  if (dims === undefined) return [{ elementType }];
  const axes = intsAttribute(node, 'axes') ?? dims.map((_, axis) => axis);
  const sizes = operands[3]?.values;
  const scales = scalesOf(call, opset);
  const resized = [...dims];
  for (const [i, axis] of axes.entries()) {
    const size = dims[axis];
    const scale = scales?.[i];
    if (sizes !== undefined && sizes.length > 0) resized[axis] = sizes[i];
    else if (scale === 1) resized[axis] = size;
    else if (isPerRow(size)) resized[axis] = undefined;
    else
      resized[axis] =
        size === undefined || scale === undefined ? undefined : Math.floor(size * scale);
  }
  return [{ elementType, dims: resized }];
};

function scalesOf({ node, operands }: Call, opset: number): readonly number[] | undefined {
  if (node.op_type === 'Upsample') {
    return attributeOf(node, 'scales')?.floats ?? plainValues(operands[1]);
  }
  return plainValues(operands[opset < 11 ? 1 : 2]);
}

/** Operators that slide a window over height and width, and those that resize them. */
export const windowOperators: Readonly<Record<string, Infer>> = {
  Conv: convolution(1),
  FusedConv: convolution(1),
  ConvInteger: convolution(1, elementTypeOf.INT32),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  Resize: resize,
  Upsample: resize,
};
