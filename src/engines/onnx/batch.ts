import { DnnScalerError } from '../../errors.ts';
import { elementBytes, elementCount, viewOf } from '../../tensor/dtype.ts';
import type { NumericData, NumericDatatype, TensorData } from '../../tensor/dtype.ts';
import type { Row, RowTensor } from '../../tensor/row.ts';
import type { BatchReplies } from '../engine.ts';
import type { TensorLayout } from './model-layout.ts';
import type { PackedBatch, PackedTensor } from './protocol.ts';

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
  const rowDims = inputs.map((_, index) => dataOf(rows, 0, index).dims);
  const usedBytes = batchBytes(
    inputs.map(({ datatype }, index) => ({ datatype, dims: rowDims[index] as readonly number[] })),
    size,
  );
  const buffer = take(usedBytes);
  let byteOffset = 0;
  const tensors = inputs.map(({ datatype, batched }, index): PackedTensor => {
    const dims = rowDims[index] as readonly number[];
    const packedDims = batched ? [size, ...dims] : dims;
    if (datatype === 'BYTES')
      return { dims: packedDims, strings: gatherStrings(rows, index, size) };
    const elements = elementCount(dims);
    const start = byteOffset;
    byteOffset += tensorBytes(datatype, dims, size);
    gather(viewOf(datatype, buffer, start, elements * size), rows, index, elements, size);
    return {
      dims: packedDims,
      byteOffset: start,
      byteLength: elements * size * elementBytes(datatype),
    };
  });
  return { tensors, buffer, usedBytes };
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
  const bytes = elementCount(dims) * elementBytes(datatype) * rows;
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
    const dims = inRows ? tensor.dims.slice(1) : tensor.dims;
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
