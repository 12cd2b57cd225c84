import fc from 'fast-check';
import { elementCount } from '../../tensor/dtype.ts';
import type { WireData, WireDatatype, WireTensor } from '../tensor.ts';
import { wireArray } from '../wire-bytes.ts';

/** Every type of the protocol. */
export const wireDatatypes: readonly WireDatatype[] = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BF16',
  'BYTES',
];

/** Those that JSON has a form for. */
export const jsonDatatypes = wireDatatypes.filter((type) => type !== 'FP16' && type !== 'BF16');

/** Tensors of up to four small dimensions, zeros included, with data of every value of the type. */
export function arbitraryTensor(
  datatypes: readonly WireDatatype[],
  form: 'json' | 'binary',
): fc.Arbitrary<WireTensor> {
  return fc
    .record({
      name: fc.string({ minLength: 1, maxLength: 12 }),
      datatype: fc.constantFrom(...datatypes),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    })
    .chain(({ name, datatype, shape }) =>
      arbitraryData(datatype, elementCount(shape), form).map((data) => ({
        name,
        datatype,
        shape,
        data,
      })),
    );
}

function arbitraryData(
  datatype: WireDatatype,
  count: number,
  form: 'json' | 'binary',
): fc.Arbitrary<WireData> {
  const exactly = { minLength: count, maxLength: count };
  if (datatype === 'BYTES') {
    const text = fc
      .string({ unit: 'binary', maxLength: 8 })
      .map((characters) => new TextEncoder().encode(characters));
    return fc.array(form === 'json' ? text : fc.uint8Array({ maxLength: 8 }), exactly);
  }
  const fill = (values: readonly (number | bigint)[]): WireData => {
    const data = wireArray(datatype, count);
    values.forEach((value, i) => (data[i] = value));
    return data;
  };
  switch (datatype) {
    case 'BOOL':
      return fc.array(fc.nat({ max: 1 }), exactly).map(fill);
    case 'FP32':
      return fc.array(fc.float(), exactly).map(fill);
    case 'FP64':
      return fc.array(fc.double(), exactly).map(fill);
    case 'INT64':
      return fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), exactly).map(fill);
    case 'UINT64':
      return fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), exactly).map(fill);
    default:
      // The array wraps what is too large, so that every value comes up.
      return fc.array(fc.integer(), exactly).map(fill);
  }
}

/** What compares equal exactly when two tensors are the same, NaN and -0 included. */
export function fingerprint(tensor: WireTensor): unknown {
  const { name, datatype, shape, data } = tensor;
  const elements = ArrayBuffer.isView(data)
    ? Array.from(data as Float64Array, String).map((text, i) =>
        Object.is(data[i], -0) ? '-0' : text,
      )
    : data.map((bytes) => Buffer.from(bytes).toString('hex'));
  return { name, datatype, shape: [...shape], elements };
}
