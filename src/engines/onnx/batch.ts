import { DnnScalerError } from '../../errors.ts';
import { arrays, elementBytes, elementCount, viewOf } from '../../tensor/dtype.ts';
import type { NumericData, NumericDatatype, TensorData } from '../../tensor/dtype.ts';
import type { Row, RowTensor } from '../../tensor/row.ts';
import type { BatchReplies } from '../engine.ts';
import type { TensorLayout } from './model-layout.ts';
import type { ListedBatch, PackedBatch, PackedTensor } from './protocol.ts';

/** Inputs start at multiples of a cache line, which is also what vector instructions like best. */
const inputAlignment = 64;

/** Bytes of buffer that a batch of `rows` rows takes, for rows of the layout's own dimensions. */
export function batchBytes(
  inputs: readonly Pick<TensorLayout, 'datatype' | 'dims'>[],
  rows: number,
): number {
  let bytes = 0;
  for (const { datatype, dims } of inputs) {
    if (datatype !== 'BYTES') bytes += tensorBytes(datatype, dims, rows);
  }
  return bytes;
}

/**
 * Gathers rows into one batch. Each row is copied once, to its place in the buffer.
 *
 * @param rows from 1, all of the same dimensions; for inputs that are carried whole exactly 1
 * @param size rows of the batch, at least as many as given; the last row is repeated to fill it
 * @param take gives a buffer of at least so many bytes
 */
export function packBatch(
  inputs: readonly TensorLayout[],
  rows: readonly Row[],
  size: number,
  take: (bytes: number) => ArrayBuffer,
): PackedBatch {
  const { tensors, stretches, usedBytes } = layOut(inputs, rows, size);
  const buffer = take(usedBytes);
  for (const { datatype, input, elements, byteOffset } of stretches) {
    gather(viewOf(datatype, buffer, byteOffset, elements * size), rows, input, elements, size);
  }
  return { tensors, buffer, usedBytes };
}

/**
 * The same batch without a copy: the rows' own bytes, in the order in which they belong. The rows have
 * to stay as they are until the batch has run.
 *
 * @throws RangeError for a row of another length, TypeError for one of another type
 */
export function listBatch(
  inputs: readonly TensorLayout[],
  rows: readonly Row[],
  size: number,
): ListedBatch {
  const { tensors, stretches, usedBytes } = layOut(inputs, rows, size);
  const pieces: Uint8Array[] = [];
  for (const { datatype, input, elements } of stretches) {
    for (let i = 0; i < size; i += 1) {
      const data = dataOf(rows, i, input).data as NumericData;
      if (!(data instanceof arrays[datatype])) throw new TypeError(`a row is not of ${datatype}`);
      if (data.length !== elements) throw new RangeError(`a row has not ${elements} elements`);
      pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    const bytes = elements * size * elementBytes(datatype);
    const padding = aligned(bytes) - bytes;
    if (padding > 0) pieces.push(zeroBytes.subarray(0, padding));
  }
  return { tensors, pieces, usedBytes };
}

const zeroBytes = new Uint8Array(inputAlignment);

/** Where the numbers of one input go. */
interface Stretch {
  readonly datatype: NumericDatatype;
  /** Index of the input. */
  readonly input: number;
  /** In one row. */
  readonly elements: number;
  readonly byteOffset: number;
}

function layOut(
  inputs: readonly TensorLayout[],
  rows: readonly Row[],
  size: number,
): {
  readonly tensors: readonly PackedTensor[];
  readonly stretches: readonly Stretch[];
  readonly usedBytes: number;
} {
  let usedBytes = 0;
  const stretches: Stretch[] = [];
  const tensors = inputs.map(({ datatype, batched }, input): PackedTensor => {
    const { dims } = dataOf(rows, 0, input);
    const packedDims = batched ? [size, ...dims] : dims;
    if (datatype === 'BYTES') {
      return { dims: packedDims, strings: gatherStrings(rows, input, size) };
    }
    const elements = elementCount(dims);
    const byteOffset = usedBytes;
    stretches.push({ datatype, input, elements, byteOffset });
    usedBytes += tensorBytes(datatype, dims, size);
    const byteLength = elements * size * elementBytes(datatype);
    return { dims: packedDims, byteOffset, byteLength };
  });
  return { tensors, stretches, usedBytes };
}

function gather(
  target: NumericData,
  rows: readonly Row[],
  index: number,
  elements: number,
  size: number,
): void {
  for (let i = 0; i < size; i += 1) {
    const { data } = dataOf(rows, i, index);
    // Rows are validated when they come in; here the types of source and target agree.
    (target as Float32Array).set(data as Float32Array, i * elements);
  }
}

function gatherStrings(rows: readonly Row[], index: number, size: number): string[] {
  const strings: string[] = [];
  for (let i = 0; i < size; i += 1) {
    for (const text of dataOf(rows, i, index).data as readonly string[]) strings.push(text);
  }
  return strings;
}

function dataOf(rows: readonly Row[], row: number, index: number): RowTensor {
  return rows[Math.min(row, rows.length - 1)]?.[index] as RowTensor;
}

function tensorBytes(datatype: NumericDatatype, dims: readonly number[], rows: number): number {
  return aligned(elementCount(dims) * elementBytes(datatype) * rows);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / inputAlignment) * inputAlignment;
}

/** A tensor of a run's result, as a view of the batch's buffer. */
export function unpack(
  layout: Pick<TensorLayout, 'datatype'>,
  packed: PackedTensor,
  buffer: ArrayBuffer,
): TensorData {
  if ('strings' in packed) return packed.strings;
  const datatype = layout.datatype as NumericDatatype;
  const length = packed.byteLength / elementBytes(datatype);
  return viewOf(datatype, buffer, packed.byteOffset, length);
}

/**
 * The outputs of a run as one reply for each row. Replies are views that share the run's output
 * buffer, which is theirs to keep.
 *
 * @param size rows of the batch that ran
 * @throws DnnScalerError `internal` when an output has no row for each row of the batch
 */
export function splitReplies(
  outputs: readonly TensorLayout[],
  packed: readonly PackedTensor[],
  buffer: ArrayBuffer,
  size: number,
): BatchReplies<Row> {
  const columns = outputs.map((layout, index) => {
    const tensor = packed[index] as PackedTensor;
    const inRows = layout.batched && tensor.dims[0] === size;
    // What a run of one row gives is that row's, even if its shape follows from the data.
    if (!inRows && size > 1) {
      const shape = `[${tensor.dims.join(', ')}]`;
      const message = `output ${layout.name} has the shape ${shape} for a batch of ${size} rows`;
      throw new DnnScalerError('internal', message);
    }
    const dims = tensor.dims.slice(inRows ? 1 : 0);
    return { data: unpack(layout, tensor, buffer), dims, elements: elementCount(dims) };
  });
  return {
    replyAt: (row) =>
      columns.map(({ data, dims, elements }): RowTensor => {
        const start = row * elements;
        // A string array is copied, a typed array is viewed.
        const part = Array.isArray(data)
          ? (data as string[]).slice(start, start + elements)
          : (data as Float32Array).subarray(start, start + elements);
        return { data: part, dims };
      }),
  };
}
