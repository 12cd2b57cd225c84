import { extentAt, isPerRow, product, sameExtent } from '../shapes/extent.ts';
import type { Extent } from '../shapes/extent.ts';
import { axisFromFront, hasInput, intAttribute, intsAttribute, intsOf } from '../shapes/facts.ts';
import { reshapedDims } from '../shapes/reshaping.ts';
import { sliceBounds } from '../shapes/picking.ts';
import { axisOf } from './batch-axis.ts';
import type { NodeRewriter } from './node-rewriter.ts';

/** Makes a node fit for any number of rows, or refuses. */
export type Rule = (rewriter: NodeRewriter) => void;

/** Takes everything to the end, in a Slice. */
const toTheEnd = 2 ** 62;

/**
 * Reshape with the batch written out: its place becomes -1, or 0 where another place is open and
 * the batch stays where it is.
 *
 * Rows stay apart when the batch is the slowest of the dimensions that are merged or split, that
 * is, when as many elements of outer dimensions stand before it afterwards as before.
 */
const reshape: Rule = (rewriter) => {
  const { node, context } = rewriter;
  const data = rewriter.operand(0);
  const axis = axisOf(rewriter, 0);
  const target = intsAttribute(node, 'shape') ?? rewriter.operand(1).values;
  const keepsZero = intAttribute(node, 'allowzero', 0) === 1;
  if (axis === undefined || data.dims === undefined) return;
  if (target === undefined) {
    rewriter.assume('its target is computed');
    return;
  }
  if (target.some(isPerRow)) {
    const given = reshapedDims(data.dims, target, keepsZero);
    const inOrder = sameExtent(prefix(given, given.findIndex(isPerRow)), prefix(data.dims, axis));
    if (!inOrder) rewriter.assume('its target is computed');
    return;
  }
  const fixed = data.dims.map((extent) => extentAt(extent, context.batchSize));
  const before = prefix(fixed, axis);
  const wanted = placeBatch(reshapedDims(fixed, target, keepsZero), before, context.batchSize);
  if (wanted === undefined) {
    return rewriter.refuse(
      `puts elements of several rows together: [${target.map(show).join(', ')}]`,
    );
  }
  const now = reshapedDims(data.dims, target, keepsZero);
  if (wanted.dims.every((extent, i) => extent === undefined || sameExtent(extent, now[i]))) return;
  const changed = openTarget(rewriter, target, wanted.dims, wanted.axis);
  rewriter.changeInts('shape', 1, target, changed);
  rewriter.note(`[${target.map(show).join(', ')}] -> [${changed.map(show).join(', ')}]`);
};

/** Which of the dimensions has the rows now, and how many for each row. */
function placeBatch(
  dims: readonly Extent[],
  before: Extent,
  batchSize: number,
): { axis: number; dims: readonly Extent[] } | undefined {
  const axis = dims.findIndex((extent, i) => {
    const size = typeof extent === 'number' && extent % batchSize === 0;
    return size && before !== undefined && sameExtent(prefix(dims, i), before);
  });
  if (axis === -1) return undefined;
  const perRow = (dims[axis] as number) / batchSize;
  return { axis, dims: dims.map((extent, i) => (i === axis ? { perRow } : extent)) };
}

function openTarget(
  rewriter: NodeRewriter,
  target: readonly Extent[],
  wanted: readonly Extent[],
  axis: number,
): readonly Extent[] {
  const dims = rewriter.operand(0).dims ?? [];
  const open = target.indexOf(-1);
  const others = target.map((entry, i): Extent => {
    // A 0 would copy the batch to a place where it does not belong.
    return i !== axis && entry === 0 && isPerRow(dims[i]) ? wanted[i] : entry;
  });
  const at = (place: number, value: Extent): readonly Extent[] =>
    others.map((entry, i) => (i === place ? value : entry));
  if (open === -1 || open === axis) return at(axis, -1);
  if (wanted[open] !== undefined) {
    return at(axis, -1).map((entry, i) => (i === open ? wanted[open] : entry));
  }
  if (sameExtent(dims[axis], wanted[axis]) && intAttribute(rewriter.node, 'allowzero', 0) === 0) {
    return at(axis, 0);
  }
  return rewriter.refuse('has two sizes that depend on the run, the batch and another one');
}

function prefix(dims: readonly Extent[], axis: number): Extent {
  return product(dims.slice(0, Math.max(0, axis)));
}

function show(extent: Extent): string {
  return typeof extent === 'number' ? String(extent) : '?';
}

/** Expand to a written-out batch: 1 broadcasts to whatever is there. */
const expand: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  const target = rewriter.operand(1).values;
  const rank = rewriter.operand(0).dims?.length ?? 0;
  if (axis === undefined) return;
  if (target === undefined) {
    rewriter.assume('its target is computed');
    return;
  }
  const place = axis + target.length - rank;
  const size = target[place];
  if (size === undefined || size === 1 || isPerRow(size)) return;
  if (size !== extentAt(rewriter.operand(0).dims?.[axis], rewriter.context.batchSize)) {
    rewriter.refuse(`repeats the batch ${size} times`);
  }
  rewriter.changeInts(
    'shape',
    1,
    target,
    target.map((each, i) => (i === place ? 1 : each)),
  );
  rewriter.note('the batch is not written out any more');
};

const flatten: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  const rank = rewriter.operand(0).dims?.length ?? 0;
  const given = intAttribute(rewriter.node, 'axis', 1);
  const split = given < 0 ? given + rank : given;
  if (axis !== undefined && axis >= split) rewriter.refuse('puts all rows into one');
};

const squeeze: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  const { dims = [] } = rewriter.operand(0);
  if (axis === undefined) return;
  const axes = intsOf(rewriter.call, 'axes', 1);
  if (axes === undefined) {
    if (hasInput(rewriter.call, 1) || dims.includes(undefined)) {
      rewriter.refuse('removes dimensions that cannot be told from the file');
    }
    // Without axes it would remove the batch, too, whenever there is one row.
    const ones = dims.flatMap((size, i) => (size === 1 ? [i] : []));
    if (rewriter.call.opset < 13) rewriter.setAttribute({ name: 'axes', type: 7, ints: ones });
    else rewriter.setInts('axes', 1, ones);
    rewriter.note(`removes dimensions ${ones.join(', ')} and never the batch`);
  } else if (axes.some((each) => axisFromFront(each, dims.length) === axis)) {
    rewriter.refuse('removes the batch dimension');
  }
};

const slice: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  if (axis === undefined) return;
  const bounds = sliceBounds(rewriter.call);
  if (bounds === undefined) {
    rewriter.assume('its bounds are computed');
    return;
  }
  const { batchSize } = rewriter.context;
  const size = extentAt(rewriter.operand(0).dims?.[axis], batchSize) ?? 0;
  const index = bounds.findIndex((each) => each.axis === axis);
  const bound = bounds[index];
  if (bound === undefined) return;
  const { start, end, step } = bound;
  const whole = step === 1 && (start === 0 || start <= -size) && end >= size;
  if (!whole) rewriter.refuse('takes part of the batch');
  const at = (values: readonly number[], value: number): number[] =>
    values.map((each, i) => (i === index ? value : each));
  if (start !== 0)
    rewriter.setInts(
      'starts',
      1,
      at(
        bounds.map((each) => each.start),
        0,
      ),
    );
  if (end >= 0x7fff_ffff) return;
  rewriter.setInts(
    'ends',
    2,
    at(
      bounds.map((each) => each.end),
      toTheEnd,
    ),
  );
  rewriter.note('takes the whole batch, whatever its size');
};

const split: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  const rank = rewriter.operand(0).dims?.length ?? 0;
  const given = axisFromFront(intAttribute(rewriter.node, 'axis', 0), rank);
  if (axis !== undefined && given === axis) rewriter.refuse('splits the batch');
};

const gather: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  if (axis === undefined) return;
  const rank = rewriter.operand(0).dims?.length ?? 0;
  const given = axisFromFront(intAttribute(rewriter.node, 'axis', 0), rank);
  if (given === axis) rewriter.refuse('picks single rows from the batch');
};

/** Gather by positions that may be those of rows: only a run tells. */
const byPosition: Rule = (rewriter) => {
  const rows = [0, 1, 2].some((slot) => axisOf(rewriter, slot) !== undefined);
  if (rows) rewriter.assume('its indices may name rows');
};

const tile: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  if (axis === undefined) return;
  const times = rewriter.operand(1).values?.[axis];
  if (times === undefined) rewriter.assume('its repeats are computed');
  else if (times !== 1) rewriter.refuse('repeats the batch');
};

const pad: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  const { dims = [] } = rewriter.operand(0);
  if (axis === undefined) return;
  const pads = intsOf(rewriter.call, 'pads', 1);
  const axes = intsOf(rewriter.call, 'axes', 3) ?? dims.map((_, i) => i);
  const index = axes.findIndex((each) => axisFromFront(each, dims.length) === axis);
  if (pads === undefined) rewriter.assume('its padding is computed');
  else if ((pads[index] ?? 0) !== 0 || (pads[index + axes.length] ?? 0) !== 0) {
    rewriter.refuse('pads the batch with rows');
  }
};

/** Resize to written-out sizes: the batch among them becomes that of the run. */
const resize: Rule = (rewriter) => {
  const axis = axisOf(rewriter, 0);
  const sizes = rewriter.operand(3).values;
  const axes = intsAttribute(rewriter.node, 'axes');
  const { dims = [] } = rewriter.operand(0);
  if (axis === undefined || sizes === undefined || sizes.length === 0) return;
  const place =
    axes === undefined ? axis : axes.findIndex((each) => axisFromFront(each, dims.length) === axis);
  const size = sizes[place];
  if (place === -1 || isPerRow(size)) return;
  if (size !== extentAt(dims[axis], rewriter.context.batchSize)) {
    rewriter.refuse('changes the size of the batch');
  }
  rewriter.setInts(
    'sizes',
    3,
    sizes.map((each, i) => (i === place ? dims[axis] : each)),
  );
  rewriter.note('takes the batch of the run among its sizes');
};

/** Rules of operators that move, pick or repeat elements. */
export const shapeRules: Readonly<Record<string, Rule>> = {
  Reshape: reshape,
  Expand: expand,
  Flatten: flatten,
  Squeeze: squeeze,
  Slice: slice,
  Split: split,
  Gather: gather,
  GatherElements: byPosition,
  GatherND: byPosition,
  ScatterElements: byPosition,
  ScatterND: byPosition,
  Tile: tile,
  Pad: pad,
  Resize: resize,
};
