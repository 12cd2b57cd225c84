import { loadSync } from '@grpc/proto-loader';
import type { ServiceDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import type { Parameters } from '../data-plane.ts';
import { inferenceProtoFile, inferenceServiceOf } from '../grpc-definition.ts';
import type { WireDatatype, WireTensor } from '../tensor.ts';
import { dataFromBytes, wireElementBytes } from '../wire-bytes.ts';

// proto-loader reads the .proto file by itself, so it is the judge of what is written by hand.
const service = inferenceServiceOf(
  loadSync(inferenceProtoFile, { keepCase: true, longs: String, defaults: true, oneofs: true }),
);
type Method = ServiceDefinition[string];
export const writeRequest = (request: object): Buffer =>
  (service.ModelInfer as Method).requestSerialize(request);
export const readResponse = (bytes: Buffer): object =>
  (service.ModelInfer as Method).responseDeserialize(bytes);
export const readStreamResponse = (bytes: Buffer): object =>
  (service.ModelStreamInfer as Method).responseDeserialize(bytes);

const contentsField = {
  BOOL: 'bool_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
} as const satisfies Partial<Record<WireDatatype, string>>;

/** Types with a field of their own. */
export const typedDatatypes = Object.keys(contentsField) as WireDatatype[];
export const datatypes: readonly WireDatatype[] = [...typedDatatypes, 'FP16', 'BF16'];

/** Any tensor, built from the bytes of its elements. */
const anyTensor = (types: readonly WireDatatype[]): fc.Arbitrary<WireTensor> =>
  fc
    .record({
      name: fc.string({ minLength: 1, maxLength: 9, unit: 'grapheme' }),
      datatype: fc.constantFrom(...types),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    })
    .chain(({ name, datatype, shape }) => {
      const count = shape.reduce((product, dim) => product * dim, 1);
      const data =
        datatype === 'BYTES'
          ? fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: count, maxLength: count })
          : anyNumbers(datatype, count);
      return data.map((values) => ({ name, datatype, shape, data: values }));
    });

function anyNumbers(
  datatype: Exclude<WireDatatype, 'BYTES'>,
  count: number,
): fc.Arbitrary<WireTensor['data']> {
  const length = count * wireElementBytes(datatype);
  const byte = datatype === 'BOOL' ? fc.nat({ max: 1 }) : fc.nat({ max: 255 });
  return fc
    .array(byte, { minLength: length, maxLength: length })
    .map((bytes) => dataFromBytes('data', datatype, count, Uint8Array.from(bytes)));
}

export const anyTensors = (types: readonly WireDatatype[]): fc.Arbitrary<WireTensor[]> =>
  fc.uniqueArray(anyTensor(types), { selector: ({ name }) => name, maxLength: 4 });

export const anyParameters: fc.Arbitrary<Parameters> = fc.dictionary(
  fc.string({ maxLength: 6, unit: 'grapheme' }),
  fc.oneof(
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.double({ noInteger: true, noDefaultInfinity: true }),
    fc.string({ unit: 'grapheme' }),
  ),
);

function toProtoParameter(value: Parameters[string]): object {
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  if (typeof value === 'bigint' && value >= 2n ** 63n) return { uint64_param: String(value) };
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    return { int64_param: String(value) };
  }
  return { double_param: value };
}

export const toProtoParameters = (parameters: Parameters): object =>
  Object.fromEntries(Object.entries(parameters).map(([k, v]) => [k, toProtoParameter(v)]));

export function head({ name, datatype, shape }: WireTensor): object {
  return { name, datatype, shape };
}

export function contents({ datatype, data }: WireTensor): object {
  const field = contentsField[datatype as keyof typeof contentsField];
  const values = Array.from(data as ArrayLike<unknown>, (value) => {
    if (datatype === 'BOOL') return value === 1;
    return typeof value === 'bigint' ? String(value) : value;
  });
  return { [field]: values };
}
