import type { WireTensor } from '../../oip/tensor.ts';
import { elementCount } from '../../tensor/dtype.ts';

/**
 * The `count` largest values of each row as BYTES `value:index[:label]`, shape [rows, count]: the
 * protocol's classification. Fewer when a row has fewer values; equal values by index.
 */
export function classify(tensor: WireTensor, count: number, labels: readonly string[]): WireTensor {
  const [rows = 1] = tensor.shape;
  const perRow = elementCount(tensor.shape.slice(1));
  const kept = Math.min(count, perRow);
  const values = numbersOf(tensor);
  const encoder = new TextEncoder();
  const data: Uint8Array[] = [];
  for (let row = 0; row < rows; row += 1) {
    for (const index of largest(values, row * perRow, perRow, kept)) {
      const label = labels[index];
      const value = values[row * perRow + index];
      data.push(encoder.encode(`${value}:${index}${label === undefined ? '' : `:${label}`}`));
    }
  }
  return { name: tensor.name, datatype: 'BYTES', shape: [rows, kept], data };
}

/** Indices of the `count` largest of `length` values from `start` on, largest first; NaN last. */
function largest(
  values: ArrayLike<number | bigint>,
  start: number,
  length: number,
  count: number,
): readonly number[] {
  const at = (index: number): number => {
    const value = Number(values[start + index]);
    return Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
  return Array.from({ length }, (_, index) => index)
    .sort((a, b) => at(b) - at(a) || a - b)
    .slice(0, count);
}

function numbersOf({ datatype, data }: WireTensor): ArrayLike<number | bigint> {
  const stored = data as ArrayLike<number | bigint>;
  return datatype === 'FP16' ? Array.from(stored as ArrayLike<number>, halfValue) : stored;
}

/** The number that the bits of an IEEE half stand for. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
