import { broadcastDims } from './elementwise.ts';
import { dividedBy, isPerRow, product, times } from './extent.ts';
import type { Extent } from './extent.ts';
import {
  axisFromFront,
  hasInput,
  intAttribute,
  intsAttribute,
  intsOf,
  plainValues,
} from './facts.ts';
import type { Infer } from './facts.ts';
import { mostValues } from './shape-makers.ts';

/**
 * The dimensions that Reshape gives: a 0 in the target keeps the input's, a -1 takes what is left.
 * Undefined entries are unknown.
 */
export function reshapedDims(
  from: readonly Extent[] | undefined,
  target: readonly Extent[],
  allowZero: boolean,
): readonly Extent[] {
  const dims = target.map((extent, axis) => (extent === 0 && !allowZero ? from?.[axis] : extent));
  const open = dims.indexOf(-1);
  if (open === -1) return dims;
  const others = product(dims.filter((_, axis) => axis !== open));
  const rest = from === undefined ? undefined : restOf(from, dims, others);
  return dims.map((extent, axis) => (axis === open ? rest : extent));
}

/** What is left for -1; dimensions that are unknown on both sides alike cancel out. */
function restOf(from: readonly Extent[], dims: readonly Extent[], others: Extent): Extent {
  const all = dividedBy(product(from), others);
  if (all !== undefined) return all;
  const unknownFrom = from.flatMap((extent, axis) => (extent === undefined ? [axis] : []));
  const unknownDims = dims.flatMap((extent, axis) => (extent === undefined ? [axis] : []));
  if (unknownFrom.join() !== unknownDims.join()) return undefined;
  const known = (extents: readonly Extent[]): Extent =>
    product(extents.filter((extent) => extent !== undefined && extent !== -1));
  return dividedBy(known(from), known(dims));
}

const reshape: Infer = ({ node, operands: [data, shape] }) => {
  const target = intsAttribute(node, 'shape') ?? shape?.values;
  const elementType = data?.elementType;
  const rank = shape?.dims?.[0];
  if (target === undefined) {
    const dims = typeof rank === 'number' ? new Array<Extent>(rank).fill(undefined) : undefined;
    return [{ elementType, dims }];
  }
  const dims = reshapedDims(data?.dims, target, intAttribute(node, 'allowzero', 0) === 1);
  return [{ elementType, dims, values: data?.values }];
};

const flatten: Infer = ({ node, operands: [data] }) => {
  const dims = data?.dims;
  const axis = intAttribute(node, 'axis', 1);
  const split = dims === undefined || axis >= 0 ? axis : axis + dims.length;
  return [
    {
      elementType: data?.elementType,
      dims:
        dims === undefined
          ? [undefined, undefined]
          : [product(dims.slice(0, split)), product(dims.slice(split))],
    },
  ];
};

const squeeze: Infer = (call) => {
  const [data] = call.operands;
  const { dims, elementType, values } = data ?? {};
  const axes = intsOf(call, 'axes', 1);
  if (dims === undefined) return [{ elementType, values }];
  if (axes === undefined && (hasInput(call, 1) || dims.includes(undefined))) {
    return [{ elementType, values }];
  }
  const gone = axes?.map((axis) => axisFromFront(axis, dims.length));
  const kept = dims.filter((size, axis) =>
    gone === undefined ? size !== 1 : !gone.includes(axis),
  );
  return [{ elementType, dims: kept, values }];
};

const unsqueeze: Infer = (call) => {
  const { dims, elementType, values } = call.operands[0] ?? {};
  const axes = intsOf(call, 'axes', 1);
  if (dims === undefined || axes === undefined) return [{ elementType, values }];
  const rank = dims.length + axes.length;
  const added = axes.map((axis) => axisFromFront(axis, rank));
  const rest = [...dims];
  const all = Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : rest.shift()));
  return [{ elementType, dims: all, values }];
};

const transpose: Infer = ({ node, operands: [data] }) => {
  const { dims, elementType } = data ?? {};
  if (dims === undefined) return [{ elementType }];
  const order = intsAttribute(node, 'perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  return [{ elementType, dims: order.map((axis) => dims[axis]) }];
};

const concat: Infer = ({ node, operands }) => {
  const elementType = operands[0]?.elementType;
  const shapes = operands.map((operand) => operand?.dims);
  const [first] = shapes.filter((dims) => dims !== undefined);
  if (first === undefined) return [{ elementType }];
  const axis = axisFromFront(intAttribute(node, 'axis', 1), first.length);
  const dims = first.map((_, position) => {
    const sizes = shapes.map((each) => each?.[position]);
    if (position === axis) return sizes.reduce(plus);
    return sizes.find((size) => size !== undefined);
  });
  const lists = operands.map(
    (operand) =>
      operand?.values ?? (operand?.dims?.length === 1 ? unknownList(operand.dims[0]) : undefined),
  );
  const values = lists.every((list) => list !== undefined) ? lists.flat() : undefined;
  return [
    {
      elementType,
      dims,
      values: first.length === 1 && (values?.length ?? 0) <= mostValues ? values : undefined,
    },
  ];
};

function unknownList(length: Extent): Extent[] | undefined {
  return typeof length === 'number' && length <= mostValues
    ? new Array<Extent>(length).fill(undefined)
    : undefined;
}

function plus(a: Extent, b: Extent): Extent {
  if (isPerRow(a) && isPerRow(b)) return { perRow: a.perRow + b.perRow };
  return typeof a === 'number' && typeof b === 'number' ? a + b : undefined;
}

const expand: Infer = ({ operands: [data, shape] }) => {
  const elementType = data?.elementType;
  const target = shape?.values;
  if (target === undefined) return [{ elementType }];
  const dims = broadcastDims([data?.dims, target]);
  const [length] = dims ?? [];
  const fills = dims?.length === 1 && typeof length === 'number' && length <= mostValues;
  const values = data?.values;
  return [
    {
      elementType,
      dims,
      values: fills && values?.length === 1 ? new Array<Extent>(length).fill(values[0]) : undefined,
    },
  ];
};

const tile: Infer = ({ operands: [data, repeats] }) => {
  const { values } = repeats ?? {};
  return [
    {
      elementType: data?.elementType,
      dims: data?.dims?.map((size, i) => times(size, values?.[i])),
    },
  ];
};

const pad: Infer = (call) => {
  const [data] = call.operands;
  const pads = intsAttribute(call.node, 'pads') ?? plainValues(call.operands[1]);
  const dims = data?.dims;
  const elementType = data?.elementType;
  if (dims === undefined) return [{ elementType }];
  const axes = plainValues(call.operands[3]) ?? dims.map((_, axis) => axis);
  const padded = [...dims];
  for (const [i, given] of axes.entries()) {
    const axis = axisFromFront(given, dims.length) ?? 0;
    const before = pads?.[i];
    const after = pads?.[i + axes.length];
    const added = before === undefined || after === undefined ? undefined : before + after;
    padded[axis] = added === 0 ? dims[axis] : plus(dims[axis], added);
  }
  return [{ elementType, dims: padded }];
};

const blocks =
  (grow: boolean): Infer =>
  ({ node, operands: [data] }) => {
    const { dims, elementType } = data ?? {};
    if (dims?.length !== 4) return [{ elementType }];
    const size = intAttribute(node, 'blocksize', 1);
    const [batch, channels, height, width] = dims;
    const scaled = (extent: Extent, up: boolean, by: number): Extent =>
      up ? times(extent, by) : dividedBy(extent, by);
    return [
      {
        elementType,
        dims: [
          batch,
          scaled(channels, !grow, size * size),
          scaled(height, grow, size),
          scaled(width, grow, size),
        ],
      },
    ];
  };

/** Operators that move elements and leave them as they are. */
export const reshapingOperators: Readonly<Record<string, Infer>> = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  DepthToSpace: blocks(true),
  SpaceToDepth: blocks(false),
};
