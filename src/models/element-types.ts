import { datatypeOf } from '../zoo/onnx/graph.ts';
import type { ValueInfoProto } from '../zoo/onnx/proto.ts';

/** ONNX's further element types (TensorProto.DataType), which no tensor of ours can hold. */
const others: Readonly<Record<number, string>> = {
  14: 'COMPLEX64',
  15: 'COMPLEX128',
  16: 'BF16',
  17: 'FLOAT8E4M3FN',
  18: 'FLOAT8E4M3FNUZ',
  19: 'FLOAT8E5M2',
  20: 'FLOAT8E5M2FNUZ',
  21: 'UINT4',
  22: 'INT4',
  23: 'FLOAT4E2M1',
};

/** The element type of a value for people; for what is no tensor, it says so. */
export function elementTypeName({ type }: ValueInfoProto): string {
  const tensor = type?.tensor_type;
  if (tensor === undefined) return type === undefined ? 'of no declared type' : 'no tensor';
  return datatypeOf(tensor.elem_type) ?? others[tensor.elem_type] ?? `type ${tensor.elem_type}`;
}

/** Whether weights are of this type: floating point, or integers of 8 bits or fewer (quantised). */
export function isWeightType(elementType: number): boolean {
  return weightTypes.has(elementType);
}

const weightTypes = new Set([1, 2, 3, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
