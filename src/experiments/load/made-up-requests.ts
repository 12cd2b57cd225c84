import { randomRow } from '../../datasets/random-row.ts';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { ModelMetadata, TensorMetadata } from '../../oip/data-plane.ts';
import type { InferMessage, TensorEncoding } from '../../oip/client/infer-messages.ts';
import { toInferMessage } from '../../oip/client/infer-messages.ts';
import type { WireData, WireTensor } from '../../oip/tensor.ts';
import { Random } from '../../random.ts';
import type { TensorData } from '../../tensor/dtype.ts';
import { formatBytes } from '../../units.ts';
import { syntheticSource } from '../../workload/row-source.ts';
import type { LoadRequests } from './load-requests.ts';

export interface MadeUpRequestOptions {
  /** Rows in each request; left to the model's shapes when undefined. */
  readonly batchSize?: number | undefined;
  /** Whole shapes of inputs that leave dimensions open, batch included, by name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly encoding: TensorEncoding;
  readonly seed: number;
}

/** Different requests at most; after these they come again. */
const mostDistinct = 32;
/** Memory for them: a request of large batches has fewer different ones. */
const budgetBytes = 32 * 2 ** 20;

/**
 * Requests with chance content that a model can take by its metadata: the values of `randomRow`.
 * They are encoded beforehand, so that sending one costs no more than writing it to a socket.
 *
 * @throws DnnScalerError `invalid-argument` when shapes stay open, contradict the model's or leave
 *   no place for the batch size; and what `toInferMessage` throws
 */
export function madeUpRequests(model: ModelMetadata, options: MadeUpRequestOptions): LoadRequests {
  const { encoding, seed } = options;
  const shapes = requestShapes(model, options);
  const random = new Random(seed);
  const make = (): InferMessage => {
    const inputs = model.inputs.map((input, i) =>
      randomTensor(input, shapes[i] as readonly number[], random),
    );
    return toInferMessage({ inputs }, encoding);
  };
  const first = make();
  const affordable = Math.floor(budgetBytes / first.body.byteLength);
  const tensors = model.inputs.map(({ name, datatype }, i) =>
    describe({ name, datatype, shape: shapes[i] as readonly number[] }),
  );
  return {
    source: syntheticSource((index) => (index === 0 ? first : make()), {
      distinct: Math.min(Math.max(affordable, 1), mostDistinct),
    }),
    description: `${tensors.join(', ')} as ${encoding === 'json' ? 'JSON' : 'binary'}, ${formatBytes(first.body.byteLength)}`,
    notes: [],
  };
}

/**
 * The shape of each input in a request. A leading -1 that all inputs have is the batch dimension.
 *
 * @throws DnnScalerError `invalid-argument`, as above
 */
export function requestShapes(
  { name, inputs }: ModelMetadata,
  { batchSize, shapes }: Pick<MadeUpRequestOptions, 'batchSize' | 'shapes'>,
): readonly (readonly number[])[] {
  if (inputs.length === 0) {
    const message = `the metadata of model ${name} lists no inputs, so none can be made up`;
    throw new DnnScalerError('invalid-argument', message);
  }
  for (const given of Object.keys(shapes)) {
    if (inputs.some((input) => input.name === given)) continue;
    const names = inputs.map((input) => input.name).join(', ');
    throw invalidArgument('--shape', `must name an input of the model (${names})`, given);
  }
  const isBatched = inputs.every(({ shape }) => shape[0] === -1);
  if (!isBatched && batchSize !== undefined) {
    const shown = inputs.map(describe).join(', ');
    throw invalidArgument(
      '--batch-size',
      `needs a model whose inputs all leave their first dimension open; this one takes ${shown}`,
      batchSize,
    );
  }
  return inputs.map((input) => {
    const declared = isBatched ? [batchSize ?? 1, ...input.shape.slice(1)] : input.shape;
    return fixShape(input, declared, shapes[input.name], isBatched);
  });
}

function fixShape(
  input: TensorMetadata,
  declared: readonly number[],
  given: readonly number[] | undefined,
  isBatched: boolean,
): readonly number[] {
  if (given === undefined) {
    if (declared.every((dim) => dim >= 0)) return declared;
    const example = declared.map((dim) => (dim >= 0 ? dim : declared.length === 4 ? 224 : 128));
    throw new DnnScalerError(
      'invalid-argument',
      `input ${describe(input)} leaves dimensions open: ` +
        `give the shape, for example --shape ${input.name}=${example.join(',')}`,
    );
  }
  const agrees =
    given.length === declared.length &&
    declared.every((dim, i) => dim === -1 || dim === given[i] || (isBatched && i === 0));
  if (!agrees) {
    const rule = `must agree with ${describe(input)}`;
    throw invalidArgument(`--shape ${input.name}`, rule, given.join(','));
  }
  if (isBatched && given[0] !== 1 && given[0] !== declared[0]) {
    const rule = 'must be 1 or the batch size in front, which --batch-size sets';
    throw invalidArgument(`--shape ${input.name}`, rule, given.join(','));
  }
  return declared.map((dim, i) => (dim === -1 ? (given[i] as number) : dim));
}

function randomTensor(
  { name, datatype }: TensorMetadata,
  shape: readonly number[],
  random: Random,
): WireTensor {
  const drawn = datatype === 'BF16' ? 'FP32' : datatype;
  const row = randomRow({ inputs: [{ name, datatype: drawn, dims: shape }], outputs: [] }, random);
  const data = (row[0] as { data: TensorData }).data;
  return { name, datatype, shape, data: datatype === 'BF16' ? upperHalves(data) : toWire(data) };
}

function toWire(data: TensorData): WireData {
  return ArrayBuffer.isView(data) ? data : data.map((text) => Buffer.from(text));
}

/** BF16 is the upper half of FP32. */
function upperHalves(data: TensorData): Uint16Array {
  const bits = new Uint32Array((data as Float32Array).buffer);
  return Uint16Array.from(bits, (value) => value >>> 16);
}

/** `x FP32 [?, 3, 224, 224]`. */
function describe({ name, datatype, shape }: TensorMetadata): string {
  return `${name} ${datatype} [${shape.map((dim) => (dim < 0 ? '?' : dim)).join(', ')}]`;
}
