import { DnnScalerError } from '../../errors.ts';
import type { NodeProto } from '../../zoo/onnx/proto.ts';
import { nameOf } from '../file/model-file.ts';

/** The error that says which node keeps rows from sharing a batch, and why. */
export function refuseNode(node: NodeProto, reason: string): DnnScalerError {
  const named = node.name !== undefined && node.name !== '';
  const what = named ? `${node.op_type} ${node.name}` : nameOf(node);
  return refuse(`${what} ${reason}`);
}

/** The error that says why a model cannot be given an open batch dimension. */
export function refuse(reason: string): DnnScalerError {
  return new DnnScalerError('unsupported', `the model cannot be made batchable: ${reason}`);
}
