import type { Initializer } from '../onnx/graph.ts';
import { uniform } from '../weights.ts';
import type { WeightSource } from '../weights.ts';
import { lazily } from './moments.ts';
import type { LazyMoments } from './moments.ts';

/** The tensors of a batch normalisation: gamma * (x - mean) / sqrt(variance + epsilon) + beta. */
export interface BatchNorm {
  readonly epsilon: number;
  /** Absent where the normalisation has no scale. */
  readonly gamma: Initializer | undefined;
  readonly beta: Initializer;
  readonly mean: Initializer;
  readonly variance: Initializer;
}

/**
 * The tensors of a batch normalisation under a scope. Made up, the moving statistics are those that
 * the channels before it are expected to have.
 *
 * Made-up offsets are around 0.5, since normalised activations around 0 make a network chaotic: ReLU
 * lets half of the square of a difference pass but only 0.34 of the variance, so that a difference
 * grows by 1.2 from layer to layer (Poole et al. 2016, arXiv 1606.05340), and the rounding of float32
 * to 7e-4 of the scores of Inception V4.
 */
export function batchNormOf(
  weights: WeightSource,
  scope: string,
  options: {
    readonly epsilon: number;
    readonly scale: boolean;
    readonly channels: number;
    readonly before: LazyMoments;
  },
): BatchNorm {
  const { epsilon, scale, channels, before } = options;
  const tensor: WeightSource['tensor'] = (name, dims, fill) =>
    weights.tensor(`${scope}/${name}`, dims, fill);
  return {
    epsilon,
    gamma: scale ? tensor('gamma', [channels], uniform(0.1, 1)) : undefined,
    beta: tensor('beta', [channels], uniform(0.1, 0.5)),
    mean: tensor('moving_mean', [channels], (data) => {
      data.set(before().mean);
    }),
    variance: tensor('moving_variance', [channels], (data) => {
      data.set(before().variance);
    }),
  };
}

/** Moments after a normalisation whose moving statistics are right. */
export function afterBatchNorm({ gamma, beta }: BatchNorm): LazyMoments {
  return lazily(() => {
    const scales = gamma?.data() as Float32Array | undefined;
    const mean = Float64Array.from(beta.data() as Float32Array);
    return { mean, variance: mean.map((_, i) => (scales?.[i] ?? 1) ** 2) };
  });
}

/**
 * The filters of a convolution with the scale of the batch normalisation that follows it worked in,
 * under the same name. Their first dimension is the channels of the normalisation.
 */
export function foldedFilters(filters: Initializer, norm: BatchNorm): Initializer {
  return {
    ...filters,
    data() {
      const scales = scalesOf(norm);
      const data = Float32Array.from(filters.data() as Float32Array);
      const perFilter = data.length / scales.length;
      scales.forEach((scale, filter) => {
        const end = (filter + 1) * perFilter;
        for (let i = filter * perFilter; i < end; i += 1) data[i] = (data[i] as number) * scale;
      });
      return data;
    },
  };
}

/** The biases that stand for the offset of a batch normalisation, and for the mean it takes away. */
export function foldedBiases(name: string, norm: BatchNorm): Initializer {
  return {
    name,
    datatype: 'FP32',
    dims: norm.beta.dims,
    data() {
      const mean = norm.mean.data() as Float32Array;
      const beta = norm.beta.data() as Float32Array;
      return Float32Array.from(
        scalesOf(norm),
        (scale, i) => (beta[i] as number) - (mean[i] as number) * scale,
      );
    },
  };
}

function scalesOf({ epsilon, gamma, variance }: BatchNorm): Float64Array {
  const scales = gamma?.data() as Float32Array | undefined;
  return Float64Array.from(
    variance.data() as Float32Array,
    (one, i) => (scales?.[i] ?? 1) / Math.sqrt(one + epsilon),
  );
}
