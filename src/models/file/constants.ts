import { elementBytes, elementCount, viewOf } from '../../tensor/dtype.ts';
import { datatypeOf, isNumeric } from '../../zoo/onnx/graph.ts';
import type { TensorProto } from '../../zoo/onnx/proto.ts';

/** Constants longer than this are weights: nothing is read from them but their shape. */
const mostElements = 4096;

/**
 * The elements of a small constant of numbers as JavaScript numbers, in row-major order; undefined
 * for a large one, for one kept outside of the file, and for types without plain numbers.
 */
export function numbersOf(tensor: TensorProto): readonly number[] | undefined {
  const length = elementCount(tensor.dims);
  if (length > mostElements || isExternal(tensor)) return undefined;
  const datatype = datatypeOf(tensor.data_type);
  if (datatype === undefined || !isNumeric(datatype) || datatype === 'FP16') return undefined;
  const { raw_data: raw } = tensor;
  if (raw !== undefined && raw.length > 0) {
    if (raw.length !== length * elementBytes(datatype)) return undefined;
    // Copied because tensors start at any byte of the file, and typed arrays must be aligned.
    return Array.from(viewOf(datatype, new Uint8Array(raw).buffer, 0, length), Number);
  }
  const lists = [tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data];
  const found = lists.find((list) => list?.length === length);
  return found;
}

/** Whether the elements lie in a file of their own. */
export function isExternal(tensor: TensorProto): boolean {
  return tensor.data_location === 1;
}
