import type { Datatype, TensorData } from '../../tensor/dtype.ts';
import { halfToNumber } from '../../tensor/half.ts';

/**
 * How far floating-point results may lie apart, relative to the largest of the tensor. Kernels
 * differ with the batch size, and a deep network carries their rounding on; quantising a whole
 * batch at once adds more. Rows that mix are apart by far more than this.
 */
const tolerance = 0.01;

/** Elements compared at most; of a larger tensor, evenly spaced ones. */
const mostCompared = 100_000;

/** Whether two tensors of one type hold the same values but for rounding. NaN equals NaN. */
export function sameTensor(datatype: Datatype, a: TensorData, b: TensorData): boolean {
  if (a.length !== b.length) return false;
  const step = Math.max(1, Math.floor(a.length / mostCompared));
  if (datatype !== 'FP16' && datatype !== 'FP32' && datatype !== 'FP64') {
    return sameExactly(a, b, step);
  }
  const read = datatype === 'FP16' ? halfToNumber : (value: number): number => value;
  let largest = 0;
  let furthest = 0;
  for (let i = 0; i < a.length; i += step) {
    const left = read(a[i] as number);
    const right = read(b[i] as number);
    if (Object.is(left, right) || left === right) continue;
    const distance = Math.abs(left - right);
    if (!Number.isFinite(distance)) return false;
    furthest = Math.max(furthest, distance);
    largest = Math.max(largest, Math.abs(left), Math.abs(right));
  }
  return furthest <= tolerance * largestOf(a, step, read, largest);
}

function largestOf(
  data: TensorData,
  step: number,
  read: (value: number) => number,
  least: number,
): number {
  let largest = least;
  for (let i = 0; i < data.length; i += step) {
    const size = Math.abs(read(data[i] as number));
    if (size > largest && size < Number.POSITIVE_INFINITY) largest = size;
  }
  return largest;
}

/** Integers may differ in one of a hundred elements, as where rounding tips a largest score. */
function sameExactly(a: TensorData, b: TensorData, step: number): boolean {
  let compared = 0;
  let different = 0;
  for (let i = 0; i < a.length; i += step) {
    compared += 1;
    if (a[i] !== b[i]) different += 1;
  }
  return different * 100 <= compared;
}
