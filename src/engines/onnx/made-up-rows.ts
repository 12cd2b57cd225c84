import { randomRow } from '../../datasets/random-row.ts';
import type { Random } from '../../random.ts';
import { elementCount, zeros } from '../../tensor/dtype.ts';
import type { Datatype, TensorData } from '../../tensor/dtype.ts';
import type { Row, TensorSpec } from '../../tensor/row.ts';

/** Kinds of made-up rows, in the order in which they are worth trying. */
export const fills = ['random', 'ones', 'zeros'] as const;
export type Fill = (typeof fills)[number];

/** 1 in half precision. */
const halfOne = 0x3c00;

/** A row to try a model with; `random` is asked only for random ones. */
export function makeUpRow(inputs: readonly TensorSpec[], fill: Fill, random: Random): Row {
  if (fill === 'random') return randomRow({ inputs, outputs: [] }, random);
  return inputs.map(({ datatype, dims }) => {
    const length = elementCount(dims);
    return { data: fill === 'ones' ? ones(datatype, length) : zeros(datatype, length), dims };
  });
}

function ones(datatype: Datatype, length: number): TensorData {
  const data = zeros(datatype, length);
  if (Array.isArray(data)) return data.map(() => '1');
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return data.fill(1n);
  return (data as Float32Array).fill(datatype === 'FP16' ? halfOne : 1);
}
