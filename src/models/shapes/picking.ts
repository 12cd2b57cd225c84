import { dividedBy } from './extent.ts';
import { axisFromFront, hasInput, intAttribute, intsOf, plainValues } from './facts.ts';
import type { Call, Infer } from './facts.ts';

const split: Infer = (call) => {
  const { node, operands } = call;
  const { dims, elementType, values } = operands[0] ?? {};
  const count = node.output.length;
  const axis =
    dims === undefined ? undefined : axisFromFront(intAttribute(node, 'axis', 0), dims.length);
  const sizes = intsOf(call, 'split', 1);
  if (dims === undefined || axis === undefined) return node.output.map(() => ({ elementType }));
  const size = dims[axis];
  const each = typeof size === 'number' ? Math.ceil(size / count) : dividedBy(size, count);
  let start = 0;
  return node.output.map((_, i) => {
    const last = typeof size === 'number' && typeof each === 'number' ? size - each * i : each;
    const part = sizes?.[i] ?? (i === count - 1 ? last : each);
    const from = start;
    start += typeof part === 'number' ? part : 0;
    return {
      elementType,
      dims: dims.map((extent, position) => (position === axis ? part : extent)),
      values:
        dims.length === 1 && typeof part === 'number'
          ? values?.slice(from, from + part)
          : undefined,
    };
  });
};

/** Bounds of a Slice by axis, or undefined where they are not known. */
export interface SliceBounds {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export function sliceBounds(call: Call): readonly SliceBounds[] | undefined {
  const rank = call.operands[0]?.dims?.length;
  const starts = intsOf(call, 'starts', 1);
  const ends = intsOf(call, 'ends', 2);
  if (rank === undefined || starts === undefined || ends === undefined) return undefined;
  const axes = intsOf(call, 'axes', 3) ?? (hasInput(call, 3) ? undefined : starts.map((_, i) => i));
  const steps =
    plainValues(call.operands[4]) ?? (hasInput(call, 4) ? undefined : starts.map(() => 1));
  if (axes === undefined || steps === undefined) return undefined;
  return starts.map((start, i) => ({
    axis: axisFromFront(axes[i] ?? i, rank) ?? 0,
    start,
    end: ends[i] ?? 0,
    step: steps[i] ?? 1,
  }));
}

const slice: Infer = (call) => {
  const { dims, elementType, values } = call.operands[0] ?? {};
  const bounds = sliceBounds(call);
  if (dims === undefined) return [{ elementType }];
  if (bounds === undefined) return [{ elementType, dims: dims.map(() => undefined) }];
  const sliced = [...dims];
  let picked = values;
  for (const { axis, start, end, step } of bounds) {
    const size = dims[axis];
    if (typeof size !== 'number') {
      sliced[axis] = start === 0 && step === 1 && end > 0x7fff_ffff ? size : undefined;
      picked = undefined;
      continue;
    }
    const indices = sliceIndices(size, start, end, step);
    sliced[axis] = indices.count;
    picked = dims.length === 1 ? picked && indices.list().map((i) => values?.[i]) : undefined;
  }
  return [{ elementType, dims: sliced, values: picked }];
};

function sliceIndices(
  size: number,
  start: number,
  end: number,
  step: number,
): { count: number; list: () => number[] } {
  const within = (bound: number, low: number, high: number): number =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
  const from = step > 0 ? within(start, 0, size) : within(start, 0, size - 1);
  const to = step > 0 ? within(end, 0, size) : within(end, -1, size - 1);
  const count = Math.max(0, Math.ceil((to - from) / step));
  return { count, list: () => Array.from({ length: count }, (_, i) => from + i * step) };
}

const gather: Infer = ({ node, operands: [data, indices] }) => {
  const elementType = data?.elementType;
  if (data?.dims === undefined || indices?.dims === undefined) return [{ elementType }];
  const axis = axisFromFront(intAttribute(node, 'axis', 0), data.dims.length) ?? 0;
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  const { values } = data;
  const at = plainValues(indices);
  const picked =
    data.dims.length === 1 && values !== undefined
      ? at?.map((i) => values[i < 0 ? i + values.length : i])
      : undefined;
  return [{ elementType, dims, values: picked }];
};

const gatherNd: Infer = ({ node, operands: [data, indices] }) => {
  const elementType = data?.elementType;
  const depth = indices?.dims?.at(-1);
  if (data?.dims === undefined || indices?.dims === undefined || typeof depth !== 'number') {
    return [{ elementType }];
  }
  const batch = intAttribute(node, 'batch_dims', 0);
  return [{ elementType, dims: [...indices.dims.slice(0, -1), ...data.dims.slice(batch + depth)] }];
};

/** Operators that pick some of the elements. */
export const pickingOperators: Readonly<Record<string, Infer>> = {
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: ({ operands: [data, indices] }) => [
    { elementType: data?.elementType, dims: indices?.dims },
  ],
  GatherND: gatherNd,
};
