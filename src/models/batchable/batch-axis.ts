import { numbersOf } from '../file/constants.ts';
import { extentAt, isPerRow, sameExtent } from '../shapes/extent.ts';
import type { Extent } from '../shapes/extent.ts';
import type { Facts } from '../shapes/facts.ts';
import type { NodeRewriter } from './node-rewriter.ts';

/** The axis along which a tensor has its rows; undefined when it has none, or they are not known. */
export function batchAxis({ dims }: Facts): number | undefined {
  const axis = dims?.findIndex(isPerRow) ?? -1;
  return axis === -1 ? undefined : axis;
}

/** The axis of the rows of an input, when that input has rows at all. */
export function axisOf(rewriter: NodeRewriter, slot: number): number | undefined {
  return batchAxis(rewriter.operand(slot));
}

/**
 * Lets an input that has a fixed row, or the same row many times, go along with a batch.
 *
 * @param batch the rows along the axis in the inputs that have them
 * @param repeat whether the operator wants the sizes equal, rather than broadcasting from one
 */
export function alignInput(
  rewriter: NodeRewriter,
  slot: number,
  axis: number,
  batch: Extent,
  repeat: boolean,
): void {
  const size = rewriter.operand(slot).dims?.[axis];
  if (size === undefined || sameExtent(size, batch)) return;
  const fixed = extentAt(batch, rewriter.context.batchSize);
  if (isPerRow(size) || (size !== 1 && size !== fixed)) {
    rewriter.refuse(`has ${showSize(size)} in input ${slot + 1} where the batch is`);
  }
  if (size !== 1) {
    requireEqualRows(rewriter, slot, axis);
    rewriter.firstRow(slot, axis);
  }
  if (!repeat) return;
  if (!isPerRow(batch) || batch.perRow !== 1) {
    rewriter.refuse(`would need input ${slot + 1} several times for each row`);
  }
  rewriter.spread(slot, axis);
}

function showSize(size: Extent): string {
  return isPerRow(size) ? `${size.perRow} for each row` : String(size);
}

/** A constant with another value in each row of a batch gives no value for further rows. */
function requireEqualRows(rewriter: NodeRewriter, slot: number, axis: number): void {
  const { constant, values, dims = [] } = rewriter.operand(slot);
  if (constant === undefined && values === undefined) return;
  if (axis !== 0 || dims.length === 0) return;
  const data = values ?? (constant && numbersOf(constant));
  if (data === undefined) return;
  const rows = Number(dims[0]);
  const length = data.length / rows;
  if (data.every((value, i) => sameExtent(value, data[i % length]))) return;
  rewriter.refuse(`takes a constant with a value of its own for each of ${rows} rows`);
}
