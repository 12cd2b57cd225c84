import { isPerRow, sameExtent } from '../shapes/extent.ts';
import type { Extent } from '../shapes/extent.ts';
import { axisFromFront, intAttribute, plainValues } from '../shapes/facts.ts';
import { einsumLabels } from '../shapes/products.ts';
import { reducedAxes } from '../shapes/reductions.ts';
import { alignInput, axisOf } from './batch-axis.ts';
import type { NodeRewriter } from './node-rewriter.ts';
import type { Rule } from './shape-rules.ts';

const rankOf = (rewriter: NodeRewriter, slot: number): number =>
  rewriter.operand(slot).dims?.length ?? 0;

/** Element by element: inputs meet by their last dimensions, and rows must meet rows. */
export const broadcast: Rule = (rewriter) => {
  const slots = rewriter.node.input.map((_, slot) => slot);
  const rank = Math.max(0, ...slots.map((slot) => rankOf(rewriter, slot)));
  const placed = slots.flatMap((slot) => {
    const axis = axisOf(rewriter, slot);
    if (axis === undefined) return [];
    return [
      { place: axis - rankOf(rewriter, slot) + rank, rows: rewriter.operand(slot).dims?.[axis] },
    ];
  });
  const [first] = placed;
  if (first === undefined) return;
  if (placed.some(({ place, rows }) => place !== first.place || !sameExtent(rows, first.rows))) {
    rewriter.refuse('brings every row together with every other');
  }
  for (const slot of slots) {
    const axis = first.place - rank + rankOf(rewriter, slot);
    if (axis >= 0) alignInput(rewriter, slot, axis, first.rows, false);
  }
};

const concat: Rule = (rewriter) => {
  const slots = rewriter.node.input.map((_, slot) => slot);
  const batched = slots.find((slot) => axisOf(rewriter, slot) !== undefined);
  if (batched === undefined) return;
  const axis = axisOf(rewriter, batched) as number;
  const along = axisFromFront(intAttribute(rewriter.node, 'axis', 1), rankOf(rewriter, batched));
  if (along === axis) rewriter.refuse('adds rows to the batch');
  const rows = rewriter.operand(batched).dims?.[axis];
  for (const slot of slots) alignInput(rewriter, slot, axis, rows, true);
};

/** @param reaches whether the operator mixes along the batch, given the axis that it names */
const alongAxis =
  (otherwise: number, reaches: (axis: number, batch: number, opset: number) => boolean): Rule =>
  (rewriter) => {
    const batch = axisOf(rewriter, 0);
    if (batch === undefined) return;
    const given = intAttribute(rewriter.node, 'axis', otherwise);
    const axis = axisFromFront(given, rankOf(rewriter, 0)) ?? 0;
    if (reaches(axis, batch, rewriter.call.opset)) rewriter.refuse('works along the batch');
  };

const sameAxis = (axis: number, batch: number): boolean => axis === batch;

/** Before operator set 13, the axis named and all behind it were taken as one. */
const softmax: Rule = (rewriter) =>
  alongAxis(rewriter.call.opset < 13 ? 1 : -1, (axis, batch, opset) =>
    opset < 13 ? batch >= axis : axis === batch,
  )(rewriter);

const cumSum: Rule = (rewriter) => {
  const batch = axisOf(rewriter, 0);
  const axis = plainValues(rewriter.operand(1))?.[0];
  if (batch === undefined) return;
  if (axis === undefined) rewriter.assume('its axis is computed');
  else if (axisFromFront(axis, rankOf(rewriter, 0)) === batch) {
    rewriter.refuse('works along the batch');
  }
};

const reduce: Rule = (rewriter) => {
  const batch = axisOf(rewriter, 0);
  if (batch === undefined) return;
  const axes = reducedAxes(rewriter.call);
  if (axes === undefined) rewriter.assume('its axes are computed');
  else if (axes.includes(batch)) rewriter.refuse('reduces over the batch');
};

/** Operators whose first input has the batch in front, and whose other inputs are weights. */
const layer: Rule = (rewriter) => {
  const batch = axisOf(rewriter, 0);
  if (batch !== undefined && batch !== 0)
    rewriter.refuse('has the batch where it takes channels or pixels');
  const weights = rewriter.node.input.findIndex(
    (_, slot) => slot > 0 && axisOf(rewriter, slot) !== undefined,
  );
  if (weights !== -1) rewriter.refuse(`has weights of its own for each row (input ${weights + 1})`);
};

const batchNormalization: Rule = (rewriter) => {
  if (intAttribute(rewriter.node, 'training_mode', 0) === 1) {
    rewriter.refuse('normalises over the batch, as in training');
  }
  layer(rewriter);
};

const matMul: Rule = (rewriter) => {
  const [a, b] = [axisOf(rewriter, 0), axisOf(rewriter, 1)];
  const [rankA, rankB] = [rankOf(rewriter, 0), rankOf(rewriter, 1)];
  if (a === undefined && b === undefined) return;
  if (a === rankA - 1 || (b !== undefined && b === Math.max(0, rankB - 2))) {
    rewriter.refuse('sums over the batch');
  }
  const placeOf = (axis: number, rank: number): number => axis - rank;
  if (a !== undefined && b !== undefined) {
    if (placeOf(a, rankA) !== placeOf(b, rankB) || placeOf(a, rankA) >= -2) {
      rewriter.refuse('brings every row together with every other');
    }
    return;
  }
  const [batched, other] = a === undefined ? [1, 0] : [0, 1];
  const place = placeOf((a ?? b) as number, batched === 0 ? rankA : rankB);
  const axis = place + (batched === 0 ? rankB : rankA);
  const rows = rewriter.operand(batched).dims?.[(a ?? b) as number];
  if (place < -2 && axis >= 0) alignInput(rewriter, other, axis, rows, false);
};

const gemm: Rule = (rewriter) => {
  const batch = axisOf(rewriter, 0);
  const rows = intAttribute(rewriter.node, 'transA', 0) === 1 ? 1 : 0;
  if (axisOf(rewriter, 1) !== undefined) rewriter.refuse('has the batch in its weights');
  if (batch === undefined) return;
  if (batch !== rows) rewriter.refuse('sums over the batch');
  if (rankOf(rewriter, 2) === 2) {
    alignInput(rewriter, 2, 0, rewriter.operand(0).dims?.[batch], false);
  }
};

const einsum: Rule = (rewriter) => {
  const labels = einsumLabels(rewriter.call);
  if (labels === undefined) {
    rewriter.assume('its equation is not understood');
    return;
  }
  const letters = labels.inputs.flatMap((names, slot) => {
    const axis = axisOf(rewriter, slot);
    return axis === undefined ? [] : [names[axis]];
  });
  const [letter] = letters;
  if (letter === undefined) return;
  if (letters.some((each) => each !== letter)) {
    rewriter.refuse('brings every row together with every other');
  }
  if (!labels.output.includes(letter)) rewriter.refuse('sums over the batch');
};

/** RNN, GRU and LSTM: the batch is behind the steps, and initial states of one row are repeated. */
const recurrent: Rule = (rewriter) => {
  const batchFirst = intAttribute(rewriter.node, 'layout', 0) === 1;
  const place = batchFirst ? 0 : 1;
  const batch = axisOf(rewriter, 0);
  if (batch === undefined) return;
  if (batch !== place) rewriter.refuse('has the batch where it takes steps');
  const rows = rewriter.operand(0).dims?.[batch];
  for (const [slot, axis] of [
    [4, 0],
    [5, place],
    [6, place],
  ] as const) {
    if ((rewriter.node.input[slot] ?? '') !== '') alignInput(rewriter, slot, axis, rows, true);
  }
};

const dynamicQuantize: Rule = (rewriter) => {
  if (axisOf(rewriter, 0) !== undefined) rewriter.assume('it quantises the whole batch alike');
};

const ofNames = (names: string, rule: Rule): Record<string, Rule> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** Rules of operators that compute: rows must not meet. */
export const rowRules: Readonly<Record<string, Rule>> = {
  ...ofNames(
    'Add Sub Mul Div Mod Pow Max Min Mean Sum BitShift PRelu Equal Greater GreaterOrEqual Less ' +
      'LessOrEqual And Or Xor Where BitwiseAnd BitwiseOr',
    broadcast,
  ),
  Concat: concat,
  ...ofNames('Softmax LogSoftmax Hardmax', softmax),
  ...ofNames('LpNormalization', alongAxis(-1, sameAxis)),
  TopK: alongAxis(-1, sameAxis),
  // Normalises over the axis named and all behind it.
  ...ofNames(
    'LayerNormalization RMSNormalization',
    alongAxis(-1, (axis, batch) => batch >= axis),
  ),
  CumSum: cumSum,
  ...ofNames(
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ' +
      'ReduceSum ReduceSumSquare ArgMax ArgMin',
    reduce,
  ),
  ...ofNames(
    'Conv ConvTranspose ConvInteger MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool ' +
      'InstanceNormalization GroupNormalization LRN DepthToSpace SpaceToDepth',
    layer,
  ),
  BatchNormalization: batchNormalization,
  ...ofNames('MatMul MatMulInteger', matMul),
  Gemm: gemm,
  Einsum: einsum,
  ...ofNames('RNN GRU LSTM', recurrent),
  DynamicQuantizeLinear: dynamicQuantize,
};

/** Whether there is at most one dimension with rows. */
export function hasOneBatch(dims: readonly Extent[]): boolean {
  return dims.filter(isPerRow).length <= 1;
}
