import { halfToNumber } from '../../tensor/half.ts';
import type { Datatype, TensorData } from '../../tensor/dtype.ts';

/** One output of some rows, each as it came from a run of its own and as it came from a batch. */
export interface OutputRows {
  readonly datatype: Datatype;
  readonly alone: readonly TensorData[];
  readonly inBatch: readonly TensorData[];
}

/** How far the rows of one output lie apart. */
export interface OutputComparison {
  /** Greatest difference between a row alone and in a batch, relative to the largest value. */
  readonly error: number;
  /** Greatest difference between two rows, relative to the largest value: 0 when all are the same. */
  readonly spread: number;
}

/**
 * Compares rows alone with rows in a batch, and rows with one another: only where rows differ by
 * more than the error does agreement show that they do not mix.
 *
 * Numbers that are no integers are compared by distance; anything else differs by 1 where it is not
 * the same. Rows of different lengths, and NaN beside a number, are infinitely far apart.
 */
export function compareRows({ datatype, alone, inBatch }: OutputRows): OutputComparison {
  const isFloat = datatype === 'FP16' || datatype === 'FP32' || datatype === 'FP64';
  const read = datatype === 'FP16' ? halfToNumber : (value: number): number => value;
  const distance = (a: TensorData, b: TensorData): number => {
    if (a.length !== b.length) return Infinity;
    if (!isFloat) return a.some((value, i) => value !== b[i]) ? 1 : 0;
    let furthest = 0;
    for (let i = 0; i < a.length; i += 1) {
      const [x, y] = [read(a[i] as number), read(b[i] as number)];
      if (Object.is(x, y) || x === y) continue;
      const apart = Math.abs(x - y);
      furthest = Math.max(furthest, Number.isNaN(apart) ? Infinity : apart);
    }
    return furthest;
  };
  const scale = isFloat ? largestOf(alone, read) : 1;
  const relative = (value: number): number => (value === 0 ? 0 : value / scale);
  let error = 0;
  let spread = 0;
  for (const [i, row] of alone.entries()) {
    error = Math.max(error, distance(row, inBatch[i] as TensorData));
    if (i > 0) spread = Math.max(spread, distance(row, alone[0] as TensorData));
  }
  return { error: relative(error), spread: relative(spread) };
}

function largestOf(rows: readonly TensorData[], read: (value: number) => number): number {
  let largest = 0;
  for (const row of rows) {
    for (const value of row as Float32Array) {
      const size = Math.abs(read(value));
      if (size > largest && size < Infinity) largest = size;
    }
  }
  return largest;
}
