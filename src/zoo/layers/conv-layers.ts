import type { ImageDatatype } from '../network.ts';
import type { GraphBuilder, Input } from '../onnx/graph-builder.ts';
import { batchDim, elementTypeOf, float, int, ints } from '../onnx/graph.ts';
import type { Initializer, Value } from '../onnx/graph.ts';
import { uniform } from '../weights.ts';
import type { WeightSource } from '../weights.ts';
import { afterActivation, afterConvolution, lazily, uniformMoments } from './moments.ts';
import type { LazyMoments } from './moments.ts';

/** An activation, channels first, with the moments that its channels are expected to have. */
export interface Features {
  readonly value: Value;
  readonly moments: LazyMoments;
}

export interface Window {
  /** Height and width of the kernel. */
  readonly kernel: number;
  readonly stride: number;
}

const relu6 = (x: number): number => Math.min(Math.max(x, 0), 6);

/**
 * Share of a channel's variance that its mean over an image keeps. Independent positions would
 * keep 1 / 49 of 7 x 7, but those of an image resemble each other: noise keeps 0.05 and
 * photographs 0.1 to 0.2 in the MobileNets with made-up weights.
 */
const pooledVarianceShare = 0.1;

/**
 * The layers of TF-Slim's convolutional networks as ONNX nodes, with TF-Slim's names for the
 * weights: a convolution with SAME padding and without bias, then batch normalisation with scale
 * and offset, then ReLU6.
 *
 * Made-up weights follow He et al. 2015 (arXiv 1502.01852). The moving statistics are those that
 * the activations before them are expected to have (`moments.ts`), as training would leave them:
 * with a mean of 0 and a variance of 1 instead, the scale would drift from layer to layer.
 */
export class ConvLayers {
  readonly #graph: GraphBuilder;
  readonly #weights: WeightSource;
  readonly #epsilon: number;
  #relu6Bounds: readonly Input[] | undefined;

  /** @param options.epsilon what batch normalisation adds to the variance */
  constructor(graph: GraphBuilder, weights: WeightSource, options: { readonly epsilon: number }) {
    this.#graph = graph;
    this.#weights = weights;
    this.#epsilon = options.epsilon;
  }

  /**
   * The input `input` of the model: RGB images of `px` x `px`, channels last, either float32 in
   * [-1, 1] or uint8, which is brought to that range by the graph (x * 2 / 255 - 1).
   */
  image(px: number, datatype: ImageDatatype): Features {
    const graph = this.#graph;
    const input = graph.input('input', datatype, [batchDim, px, px, 3]);
    // Transposed first, while the elements are at their smallest.
    let value = graph.node('Transpose', [input], {
      name: 'input/channels_first',
      attributes: { perm: ints([0, 3, 1, 2]) },
    });
    if (datatype === 'UINT8') {
      const to = int(elementTypeOf.FP32);
      value = graph.node('Cast', [value], { name: 'input/float', attributes: { to } });
      const scale = graph.scalar('input/scale', 'FP32', 2 / 255);
      value = graph.node('Mul', [value, scale], { name: 'input/scaled' });
      const offset = graph.scalar('input/offset', 'FP32', 1);
      value = graph.node('Sub', [value, offset], { name: 'input/normalised' });
    }
    // A uniform distribution over [-1, 1]; photographs are not far from it.
    return { value, moments: lazily(() => uniformMoments(3, 0, 1 / 3)) };
  }

  /** Convolution, batch normalisation and ReLU6; `kernel` x `kernel` to `filters` channels. */
  conv(x: Features, scope: string, window: Window & { readonly filters: number }): Features {
    const weights = this.#filters(`${scope}/weights`, [
      window.filters,
      channelsOf(x),
      window.kernel,
    ]);
    return this.#convolved(x, scope, weights, window, 1);
  }

  /** One filter for each channel, batch normalisation and ReLU6. */
  depthwise(x: Features, scope: string, window: Window): Features {
    const channels = channelsOf(x);
    const weights = this.#filters(`${scope}/depthwise_weights`, [channels, 1, window.kernel]);
    return this.#convolved(x, scope, weights, window, channels);
  }

  /** The mean over all positions. */
  globalAveragePool(x: Features, scope: string): Features {
    const value = this.#graph.node('GlobalAveragePool', [x.value], { name: scope });
    const moments = lazily(() => {
      const { mean, variance } = x.moments();
      return { mean, variance: variance.map((one) => one * pooledVarianceShare) };
    });
    return { value, moments };
  }

  /** A 1 x 1 convolution with bias, squeezed to [N, classes], and its softmax as `probabilities`. */
  classifier(x: Features, scope: string, classes: number): Value {
    const graph = this.#graph;
    const channels = channelsOf(x);
    // Logits with a variance of 1 around 0, so that the input decides the class and not the means.
    const weights = this.#add(`${scope}/weights`, [classes, channels, 1, 1], (data, random) => {
      const total = x.moments().variance.reduce((sum, one) => sum + one, 0);
      uniform(Math.sqrt(1 / total))(data, random);
    });
    const biases = this.#add(`${scope}/biases`, [classes], (data) => {
      const { mean } = afterConvolution(x.moments(), floatsOf(weights), weights.dims, 1);
      for (let i = 0; i < classes; i += 1) data[i] = -(mean[i] as number);
    });
    const logits = graph.node('Conv', [x.value, weights, biases], { name: scope });
    const flat = graph.node('Flatten', [logits], {
      name: 'logits',
      attributes: { axis: int(1) },
    });
    return graph.node('Softmax', [flat], { name: 'probabilities', attributes: { axis: int(1) } });
  }

  #convolved(
    x: Features,
    scope: string,
    weights: Initializer,
    { kernel, stride }: Window,
    groups: number,
  ): Features {
    const [, , height, width] = x.value.dims as [unknown, unknown, number, number];
    const [top, bottom] = samePadding(height, kernel, stride);
    const [left, right] = samePadding(width, kernel, stride);
    const value = this.#graph.node('Conv', [x.value, weights], {
      name: scope,
      attributes: {
        kernel_shape: ints([kernel, kernel]),
        strides: ints([stride, stride]),
        pads: ints([top, left, bottom, right]),
        group: int(groups),
      },
    });
    const moments = lazily(() =>
      afterConvolution(x.moments(), floatsOf(weights), weights.dims, groups),
    );
    return this.#relu6(this.#batchNorm({ value, moments }, `${scope}/BatchNorm`), `${scope}/Relu6`);
  }

  #batchNorm(x: Features, scope: string): Features {
    const dims = [channelsOf(x)];
    const gamma = this.#add(`${scope}/gamma`, dims, uniform(0.1, 1));
    const beta = this.#add(`${scope}/beta`, dims, uniform(0.1));
    const mean = this.#add(`${scope}/moving_mean`, dims, (data) => {
      data.set(x.moments().mean);
    });
    const variance = this.#add(`${scope}/moving_variance`, dims, (data) => {
      data.set(x.moments().variance);
    });
    const value = this.#graph.node('BatchNormalization', [x.value, gamma, beta, mean, variance], {
      name: scope,
      attributes: { epsilon: float(this.#epsilon) },
    });
    const moments = lazily(() => ({
      mean: Float64Array.from(floatsOf(beta)),
      variance: Float64Array.from(floatsOf(gamma), (scale) => scale * scale),
    }));
    return { value, moments };
  }

  #relu6(x: Features, name: string): Features {
    this.#relu6Bounds ??= [
      this.#graph.scalar('relu6/min', 'FP32', 0),
      this.#graph.scalar('relu6/max', 'FP32', 6),
    ];
    const value = this.#graph.node('Clip', [x.value, ...this.#relu6Bounds], { name });
    return { value, moments: lazily(() => afterActivation(x.moments(), relu6)) };
  }

  /** Square filters, scaled so that their results have about the mean square of ReLU's inputs. */
  #filters(
    name: string,
    [filters, channels, kernel]: readonly [number, number, number],
  ): Initializer {
    const fanIn = channels * kernel * kernel;
    return this.#add(name, [filters, channels, kernel, kernel], uniform(Math.sqrt(2 / fanIn)));
  }

  #add(...[name, dims, fill]: Parameters<WeightSource['tensor']>): Initializer {
    return this.#graph.initializer(this.#weights.tensor(name, dims, fill));
  }
}

/**
 * TensorFlow's SAME padding of one axis, before and after: the result has ceil(size / stride)
 * positions, and when the padding is odd the larger part comes after.
 */
export function samePadding(size: number, kernel: number, stride: number): [number, number] {
  const results = Math.ceil(size / stride);
  const total = Math.max((results - 1) * stride + kernel - size, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

function channelsOf(x: Features): number {
  return x.value.dims[1] as number;
}

function floatsOf(weights: Initializer): Float32Array {
  return weights.data() as Float32Array;
}
