import { elementCount } from '../tensor/dtype.ts';
import type { Dim, Graph, Node } from './onnx/graph.ts';

/** The size of a network, for one row. */
export interface NetworkCounts {
  /** Trainable numbers: weights, biases, scales and offsets. */
  readonly parameters: number;
  /** Moving means and variances of batch normalisation, which training tracks but does not train. */
  readonly movingStatistics: number;
  /** Multiplications with an addition in convolutions and matrix products, for one row. */
  readonly multiplyAdds: number;
}

/**
 * Counts a network by walking its graph. Trainable are the floating-point tensors of the file but
 * for scalars and others that are constants of the computation, and the moving statistics, which
 * BatchNormalization takes as its inputs 3 and 4. Multiply-adds are those of Conv, Gemm and
 * MatMul, with one row in the batch, as the literature counts them; other operators count nothing.
 */
export function countOf(graph: Graph): NetworkCounts {
  const statistics = new Set(
    graph.nodes
      .filter(({ opType }) => opType === 'BatchNormalization')
      .flatMap(({ inputs }) => inputs.slice(3, 5)),
  );
  let parameters = 0;
  let movingStatistics = 0;
  for (const { name, datatype, dims, isConstant = false } of graph.initializers) {
    if (datatype !== 'FP32' || dims.length === 0 || isConstant) continue;
    if (statistics.has(name)) movingStatistics += elementCount(dims);
    else parameters += elementCount(dims);
  }
  let multiplyAdds = 0;
  for (const node of graph.nodes) multiplyAdds += multiplyAddsOf(node, graph);
  return { parameters, movingStatistics, multiplyAdds };
}

/** Multiply-adds of one node for one row: elements of its result times the length of each sum. */
export function multiplyAddsOf(node: Node, graph: Graph): number {
  const { opType, inputs, outputs, attributes } = node;
  if (opType !== 'Conv' && opType !== 'Gemm' && opType !== 'MatMul') return 0;
  const results = rowElements(dimsOf(graph, outputs[0] as string));
  if (opType === 'Conv') {
    const [, ...window] = dimsOf(graph, inputs[1] as string);
    return results * rowElements(window);
  }
  const left = dimsOf(graph, inputs[0] as string);
  const transposed = opType === 'Gemm' && attributes.transA?.value === 1;
  return results * rowElements([(transposed ? left.at(-2) : left.at(-1)) as Dim]);
}

/** Elements of one row: symbolic dimensions count as one. */
function rowElements(dims: readonly Dim[]): number {
  return elementCount(dims.map((size) => (typeof size === 'number' ? size : 1)));
}

function dimsOf(graph: Graph, name: string): readonly Dim[] {
  const found = graph.values.get(name) ?? graph.initializers.find((one) => one.name === name);
  return found?.dims ?? [];
}
