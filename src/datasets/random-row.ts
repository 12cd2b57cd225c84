import { DnnScalerError } from '../errors.ts';
import type { Random } from '../random.ts';
import { arrays, elementCount, type NumericDatatype, type TensorData } from '../tensor/dtype.ts';
import type { ModelSignature, Row, TensorSpec } from '../tensor/row.ts';

export interface RandomRowOptions {
  /**
   * For integer inputs, by name: values are drawn from 0 up to this, itself excluded. Give a
   * vocabulary's size here, so that lookups touch the whole table as real ones do.
   */
  readonly integersBelow?: Readonly<Record<string, number>>;
}

/**
 * A row of chance that any model can take, for load without data.
 *
 * Floating-point values are normal with mean 0 and standard deviation 1, the scale that inputs are
 * normalized to. UINT8 values are 0..255, as pixels. Other integers are 0 or 1 unless told
 * otherwise: they may be token ids, masks or segment numbers, and 0 and 1 are valid as each.
 *
 * @throws DnnScalerError `invalid-argument` when an input leaves a dimension open
 */
export function randomRow(
  signature: ModelSignature,
  random: Random,
  options: RandomRowOptions = {},
): Row {
  return signature.inputs.map((input) => {
    requireFixed(input);
    const data = randomData(input, random, options.integersBelow?.[input.name]);
    return { data, dims: input.dims };
  });
}

function requireFixed({ name, dims }: TensorSpec): void {
  if (dims.every((dim) => dim >= 0)) return;
  throw new DnnScalerError(
    'invalid-argument',
    `synthetic input needs fixed dimensions; the input ${name} leaves some of ` +
      `[${dims.map((dim) => (dim < 0 ? '?' : dim)).join(', ')}] open: fix them with --shape`,
  );
}

function randomData(
  input: TensorSpec,
  random: Random,
  integersBelow: number | undefined,
): TensorData {
  const { datatype } = input;
  const length = elementCount(input.dims);
  if (datatype === 'BYTES') return Array.from({ length }, () => random.nextUint32().toString(36));
  const data = new arrays[datatype](length);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const draw = numberSource(datatype, random, integersBelow);
    for (let i = 0; i < length; i += 1) data[i] = BigInt(draw());
    return data;
  }
  const draw = numberSource(datatype, random, integersBelow);
  for (let i = 0; i < length; i += 1) data[i] = draw();
  return data;
}

function numberSource(
  datatype: NumericDatatype,
  random: Random,
  integersBelow: number | undefined,
): () => number {
  switch (datatype) {
    case 'FP32':
    case 'FP64':
      return () => random.normal();
    case 'FP16':
      return () => halfBits(random.normal());
    case 'BOOL':
      return () => random.integer(2);
    case 'UINT8':
      return () => random.integer(integersBelow ?? 256);
    default:
      return () => random.integer(integersBelow ?? 2);
  }
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/**
 * The bits of a number in IEEE half precision, truncated; what is smaller than its least normal
 * number (6.1e-5) becomes 0, and what is larger than 65504 is not for this function.
 */
function halfBits(value: number): number {
  single[0] = value;
  const bits = singleBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  if (exponent <= 0) return sign;
  return sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
