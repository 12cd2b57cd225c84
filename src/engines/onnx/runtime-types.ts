import type { Datatype } from '../../tensor/dtype.ts';

/** ONNX Runtime's names of the element types it carries in Node.js, and ours. */
const datatypes: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

/** Our type for one of the runtime's; undefined for one whose tensors cannot be made in Node.js. */
export function datatypeOfRuntime(type: string): Datatype | undefined {
  return Object.hasOwn(datatypes, type) ? datatypes[type] : undefined;
}
