import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';
import { uniform } from '../weights.ts';
import type { WeightSource } from '../weights.ts';
import { meanSquareAfter } from './moments.ts';

/** A vector for each row, [N, units], with the mean square that its elements are expected to have. */
export interface DenseFeatures {
  readonly value: Value;
  readonly meanSquare: number;
}

const activations = {
  Relu: (x: number) => Math.max(x, 0),
  Tanh: Math.tanh,
};

export interface DenseOptions {
  readonly units: number;
  /** Names of the weights ([inputs, units]) and of the biases. */
  readonly names: { readonly weights: string; readonly biases: string };
  readonly activation?: keyof typeof activations;
}

/**
 * Fully-connected layers as ONNX nodes. Made-up weights are scaled so that every sum has a
 * variance of about 1 before its activation, whatever the layer before.
 */
export class DenseLayers {
  readonly #graph: GraphBuilder;
  readonly #weights: WeightSource;

  constructor(graph: GraphBuilder, weights: WeightSource) {
    this.#graph = graph;
    this.#weights = weights;
  }

  dense(x: DenseFeatures, scope: string, options: DenseOptions): DenseFeatures {
    const { units, names, activation } = options;
    const graph = this.#graph;
    const inputs = x.value.dims[1] as number;
    const deviation = Math.sqrt(1 / (inputs * x.meanSquare));
    const weights = graph.initializer(
      this.#weights.tensor(names.weights, [inputs, units], uniform(deviation)),
    );
    const biases = graph.initializer(this.#weights.tensor(names.biases, [units], uniform(0.1)));
    const value = graph.node('Gemm', [x.value, weights, biases], { name: scope });
    if (activation === undefined) return { value, meanSquare: 1 };
    return {
      value: graph.node(activation, [value], { name: `${scope}/${activation}` }),
      meanSquare: meanSquareAfter(activations[activation]),
    };
  }
}
