import type { TensorLayout } from '../../engines/onnx/model-layout.ts';
import type { OnnxSignature } from '../../engines/onnx/onnx-engine.ts';
import type { ConfigTensor, ModelConfig, ModelMetadata } from '../../oip/data-plane.ts';
import type { OperatingPoint } from '../../operating-point.ts';
import type { Slo } from '../../slo.ts';

const platform = 'onnxruntime_onnx';
const backend = 'onnxruntime';

/** Requests of more rows are cut up all the same; clients that ask want a number. */
const declaredMaxBatchSize = 128;

/** Dimensions that a client may send or gets: -1 for any, the batch left out. */
function openDims(layout: TensorLayout & { readonly declaredDims?: readonly number[] }) {
  return layout.declaredDims ?? layout.dims;
}

export function describeModel(
  name: string,
  version: string,
  signature: OnnxSignature,
): ModelMetadata {
  const describe = (layout: TensorLayout) => ({
    name: layout.name,
    datatype: layout.datatype,
    shape: layout.batched ? [-1, ...openDims(layout)] : openDims(layout),
  });
  return {
    name,
    versions: [version],
    platform,
    inputs: signature.inputs.map(describe),
    outputs: signature.outputs.map(describe),
  };
}

/** What may be said of a model's state in its configuration. */
export interface ConfiguredState {
  readonly slo: Slo;
  readonly scaler: string;
  readonly point: OperatingPoint | null;
  readonly onGpu: boolean;
}

export function configOf(
  name: string,
  signature: OnnxSignature,
  { slo, scaler, point, onGpu }: ConfiguredState,
): ModelConfig {
  // A dimension in front of only some tensors is no batch to clients, who add it to all of them.
  const batches = [...signature.inputs, ...signature.outputs].every(({ batched }) => batched);
  const tensor = (layout: TensorLayout): ConfigTensor => ({
    name: layout.name,
    data_type: layout.datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${layout.datatype}`,
    dims: layout.batched && !batches ? [-1, ...openDims(layout)] : openDims(layout),
  });
  const parameters = {
    slo_ms: String(slo.limitMs),
    slo_percentile: String(slo.percentile),
    scaler,
    batch_size: String(point?.batchSize ?? ''),
    instances: String(point?.instances ?? ''),
  };
  return {
    name,
    platform,
    backend,
    max_batch_size: batches ? declaredMaxBatchSize : 0,
    input: signature.inputs.map(tensor),
    output: signature.outputs.map(tensor),
    instance_group: [{ name, kind: onGpu ? 'KIND_GPU' : 'KIND_CPU', count: point?.instances ?? 0 }],
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([key, value]) => [key, { string_value: value }]),
    ),
  };
}
