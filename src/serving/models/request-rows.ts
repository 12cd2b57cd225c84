import type { InputTensorLayout } from '../../engines/onnx/model-layout.ts';
import { validateRow } from '../../engines/onnx/validate-row.ts';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { WireTensor } from '../../oip/tensor.ts';
import { elementCount } from '../../tensor/dtype.ts';
import type { TensorData } from '../../tensor/dtype.ts';
import type { Row } from '../../tensor/row.ts';

/** A request may be cut into so many rows: each costs some memory of its own. */
const maxRowsPerRequest = 8192;

/** @throws DnnScalerError `invalid-argument` for more rows than a request may have */
export function checkRowCount(rows: number): void {
  if (rows <= maxRowsPerRequest) return;
  throw invalidArgument('a request', `must have at most ${maxRowsPerRequest} rows`, rows);
}

/**
 * The rows of a request: its tensors cut along the batch dimension, in the model's order of inputs.
 * Numbers are viewed, not copied.
 *
 * @throws DnnScalerError `invalid-argument` for inputs that are missing, unknown, given twice, of
 *   the wrong type or shape, too many rows, or that differ in their number; `unsupported` for BF16
 */
export function rowsOf(
  layouts: readonly InputTensorLayout[],
  tensors: readonly WireTensor[],
): readonly Row[] {
  const ordered = inOrder(layouts, tensors);
  let rows = 1;
  let rowsFrom: WireTensor | undefined;
  const columns = layouts.map((layout, index) => {
    const tensor = ordered[index] as WireTensor;
    const count = layout.batched ? rowCount(layout, tensor) : 1;
    if (layout.batched) {
      if (rowsFrom !== undefined && count !== rows) {
        const rule = `must have as many rows as input ${rowsFrom.name} (${rows})`;
        throw invalidArgument(`input ${tensor.name}`, rule, count);
      }
      rows = count;
      rowsFrom = tensor;
    }
    const dims = layout.batched ? tensor.shape.slice(1) : tensor.shape;
    return { data: dataOf(layout, tensor), dims, elements: elementCount(dims) };
  });
  const signature = {
    inputs: layouts.map((layout) => ({ ...layout, dims: layout.declaredDims })),
  };
  return Array.from({ length: rows }, (_, row) => {
    const cut = columns.map(({ data, dims, elements }) => ({
      data: rows === 1 ? data : part(data, row * elements, elements),
      dims,
    }));
    // One check will do: the rows of a request share their types and dimensions.
    if (row === 0) validateRow(signature, cut);
    return cut;
  });
}

function inOrder(
  layouts: readonly InputTensorLayout[],
  tensors: readonly WireTensor[],
): readonly WireTensor[] {
  const known = layouts.map(({ name }) => name).join(', ');
  const byName = new Map<string, WireTensor>();
  for (const tensor of tensors) {
    if (!layouts.some(({ name }) => name === tensor.name)) {
      throw invalidArgument('an input', `must be one of the model's (${known})`, tensor.name);
    }
    if (byName.has(tensor.name)) {
      throw invalidArgument('an input', 'must be given once', tensor.name);
    }
    byName.set(tensor.name, tensor);
  }
  return layouts.map(({ name }) => {
    const tensor = byName.get(name);
    if (tensor !== undefined) return tensor;
    throw invalidArgument(`input ${name}`, 'must be given', [...byName.keys()]);
  });
}

function rowCount({ declaredDims }: InputTensorLayout, { name, shape }: WireTensor): number {
  const [rows] = shape;
  if (shape.length !== declaredDims.length + 1 || rows === undefined || rows < 1) {
    const dims = declaredDims.map((dim) => (dim === -1 ? '?' : dim));
    const rule = `must have the shape [${['rows', ...dims].join(', ')}], with at least 1 row`;
    throw invalidArgument(`input ${name}`, rule, shape);
  }
  checkRowCount(rows);
  return rows;
}

function dataOf({ datatype }: InputTensorLayout, tensor: WireTensor): TensorData {
  if (tensor.datatype === 'BF16') {
    const message = `input ${tensor.name} is of type BF16, which cannot be made in Node.js`;
    throw new DnnScalerError('unsupported', message);
  }
  if (tensor.datatype !== datatype) {
    throw invalidArgument(`input ${tensor.name}`, `must be of type ${datatype}`, tensor.datatype);
  }
  if (datatype !== 'BYTES') return tensor.data as TensorData;
  return (tensor.data as readonly Uint8Array[]).map((bytes) => textOf(tensor.name, bytes));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(name: string, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    // The runtime's strings are text.
    throw invalidArgument(`input ${name}`, 'must hold UTF-8 text', `${bytes.length} bytes`);
  }
}

function part(data: TensorData, start: number, length: number): TensorData {
  // Each member has both; only the union hides it.
  return Array.isArray(data)
    ? (data as string[]).slice(start, start + length)
    : (data as Float32Array).subarray(start, start + length);
}
