import { elementCount } from '../tensor/dtype.ts';
import type { GraphProto, TensorProto } from '../zoo/onnx/proto.ts';
import { isWeightType } from './element-types.ts';

/** The numbers that a model carries. */
export interface ParameterCounts {
  /** Weights, biases, scales and offsets: constants that are no scalars. */
  readonly parameters: number;
  /** Moving means and variances of batch normalisation. */
  readonly movingStatistics: number;
}

/**
 * Counts the constants of floating-point and 8-bit types with at least one dimension, in the graph,
 * in its Constant nodes and in subgraphs. 64-bit integers are axes and shapes and do not count;
 * neither do scalars, which are constants of the computation.
 */
export function countParameters(graph: GraphProto): ParameterCounts {
  const statistics = new Set(
    graph.node
      .filter(({ op_type: opType }) => opType === 'BatchNormalization')
      .flatMap(({ input }) => input.slice(3, 5)),
  );
  let parameters = 0;
  let movingStatistics = 0;
  const add = (tensor: TensorProto, name: string): void => {
    if (!isWeightType(tensor.data_type) || tensor.dims.length === 0) return;
    if (statistics.has(name)) movingStatistics += elementCount(tensor.dims);
    else parameters += elementCount(tensor.dims);
  };
  for (const tensor of graph.initializer) add(tensor, tensor.name);
  for (const node of graph.node) {
    for (const { t, g, graphs = [] } of node.attribute) {
      if (t !== undefined && node.op_type === 'Constant') add(t, node.output[0] ?? '');
      for (const inner of g === undefined ? graphs : [g, ...graphs]) {
        const counts = countParameters(inner);
        parameters += counts.parameters;
        movingStatistics += counts.movingStatistics;
      }
    }
  }
  return { parameters, movingStatistics };
}
