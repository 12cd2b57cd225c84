import type { GraphBuilder } from '../onnx/graph-builder.ts';
import { float, int } from '../onnx/graph.ts';
import type { Initializer, Value } from '../onnx/graph.ts';
import { uniform } from '../weights.ts';
import type { WeightSource } from '../weights.ts';
import { FeatureLayers } from './feature-layers.ts';
import type { Activation } from './feature-layers.ts';
import { channelsOf, sizeOf } from './features.ts';
import type { Features } from './features.ts';
import { afterBatchNorm, batchNormOf, foldedBiases, foldedFilters } from './batch-norm.ts';
import type { BatchNorm } from './batch-norm.ts';
import { crossChannelFilters, perChannelFilters } from './made-up-filters.ts';
import { afterConvolution, lazily } from './moments.ts';
import type { LazyMoments } from './moments.ts';
import { kernelOf, windowAttributes } from './window.ts';
import type { Window } from './window.ts';

/** What the convolutions of a network have in common. */
export interface ConvStyle {
  /** What batch normalisation adds to the variance. */
  readonly epsilon: number;
  /** Whether batch normalisation has a scale (gamma) besides its offset; default true. */
  readonly scale?: boolean;
  /** Default Relu. */
  readonly activation?: Activation;
  /** Fold batch normalisation into the convolution before it; default false. */
  readonly foldBatchNorm?: boolean;
}

/** What follows a convolution. */
export interface ConvTail {
  /** Default batch normalisation. */
  readonly follow?: 'batch-norm' | 'biases' | 'nothing';
  /** Scope of the batch normalisation; default the convolution's with `/BatchNorm`. */
  readonly batchNormScope?: string;
  /** Whether the style's activation follows; default true. */
  readonly activation?: boolean;
}

export interface ConvOptions extends Window, ConvTail {
  readonly filters: number;
  /** Root mean square of the sums that made-up weights give; default 1. */
  readonly deviation?: number;
}

export interface SeparableOptions extends ConvOptions {
  /** Filters for each channel in the depthwise part; default 1. */
  readonly multiplier?: number;
}

/** A convolution that has not yet got its batch normalisation or biases. */
interface Convolution {
  readonly x: Features;
  readonly scope: string;
  readonly filters: Initializer;
  readonly window: Window;
  readonly groups: number;
}

/**
 * The layers of TF-Slim's convolutional networks as ONNX nodes, with TF-Slim's names for the
 * weights: a convolution without bias, then batch normalisation, then the activation.
 *
 * Made-up weights follow He et al. 2015 (arXiv 1502.01852): sums have a mean square of 1. The
 * moving statistics are those that the activations before them are expected to have
 * (`moments.ts`), as training would leave them: with a mean of 0 and a variance of 1 instead, the
 * scale would drift from layer to layer.
 */
export class ConvLayers extends FeatureLayers {
  readonly #weights: WeightSource;
  readonly #style: Required<ConvStyle>;
  /** The scales of batch normalisations that have none of their own, by channels. */
  readonly #ones = new Map<number, Initializer>();

  constructor(graph: GraphBuilder, weights: WeightSource, style: ConvStyle) {
    super(graph);
    this.#weights = weights;
    this.#style = { scale: true, activation: 'Relu', foldBatchNorm: false, ...style };
  }

  /** A convolution with what follows it: batch normalisation and activation unless told. */
  conv(x: Features, scope: string, options: ConvOptions): Features {
    const [height, width] = kernelOf(options);
    const dims = [options.filters, channelsOf(x), height, width];
    const fill = crossChannelFilters(x.moments, dims, options.deviation ?? 1);
    const filters = this.#weights.tensor(`${scope}/weights`, dims, fill);
    return this.#finished({ x, scope, filters, window: options, groups: 1 }, options);
  }

  /** One filter for each channel, with what follows. */
  depthwise(x: Features, scope: string, options: Window & ConvTail): Features {
    return this.#finished(this.#depthwise(x, scope, options, 1), options);
  }

  /**
   * A depthwise convolution and, at once, a 1 x 1 convolution over its results: TF-Slim's
   * `separable_conv2d`, whose two kinds of weights share a scope. The stride is the first one's.
   */
  separable(x: Features, scope: string, options: SeparableOptions): Features {
    const { multiplier = 1, filters: units } = options;
    const first = this.#depthwise(x, scope, options, multiplier);
    const inner = this.#convolved({ ...first, scope: `${scope}/depthwise` }, first.filters);
    const dims = [units, channelsOf(inner), 1, 1];
    const fill = crossChannelFilters(inner.moments, dims, 1);
    const filters = this.#weights.tensor(`${scope}/pointwise_weights`, dims, fill);
    return this.#finished({ x: inner, scope, filters, window: { kernel: 1 }, groups: 1 }, options);
  }

  /** Batch normalisation on its own, as networks with pre-activation have it. Never folded. */
  batchNorm(x: Features, scope: string): Features {
    const norm = this.#batchNormAfter(x.moments, channelsOf(x), scope);
    const { gamma, beta, mean, variance } = norm;
    const scale = gamma ?? this.#onesOf(channelsOf(x));
    for (const one of [gamma, beta, mean, variance]) {
      if (one !== undefined) this.graph.initializer(one);
    }
    const value = this.graph.node('BatchNormalization', [x.value, scale, beta, mean, variance], {
      name: scope,
      attributes: { epsilon: float(this.#style.epsilon) },
    });
    return { value, moments: afterBatchNorm(norm) };
  }

  /** The style's activation, named after its scope. */
  activated(x: Features, scope: string): Features {
    const { activation } = this.#style;
    return this.activation(x, activation, `${scope}/${activation}`);
  }

  /** A 1 x 1 convolution with bias, squeezed to [N, classes], and its softmax as `probabilities`. */
  convClassifier(x: Features, scope: string, classes: number): Value {
    const dims = [classes, channelsOf(x), 1, 1];
    // Their variance is 1 around 0, so that the input decides the class and not the means.
    const fill = crossChannelFilters(x.moments, dims, 1);
    const filters = this.#weights.tensor(`${scope}/weights`, dims, fill);
    const window = { kernel: 1 };
    const { value } = this.#biased({ x, scope, filters, window, groups: 1 });
    return this.#softmax(this.#flat(value, 'logits'));
  }

  /** A fully-connected layer with bias, [N, classes], and its softmax as `probabilities`. */
  denseClassifier(x: Features, scope: string, classes: number): Value {
    const channels = channelsOf(x);
    const weights = this.#weights.tensor(
      `${scope}/weights`,
      [channels, classes],
      (data, random) => {
        // As the filters of a convolution would be, which come class by class.
        const filters = new Float32Array(data.length);
        crossChannelFilters(x.moments, [classes, channels, 1, 1], 1)(filters, random);
        filters.forEach((one, i) => {
          data[(i % channels) * classes + Math.floor(i / channels)] = one;
        });
      },
    );
    const biases = this.#weights.tensor(`${scope}/biases`, [classes], uniform(0.1));
    const inputs = [weights, biases].map((one) => this.graph.initializer(one));
    const flat = this.#flat(x.value, `${scope}/flat`);
    return this.#softmax(this.graph.node('Gemm', [flat, ...inputs], { name: 'logits' }));
  }

  #flat(value: Value, name: string): Value {
    return this.graph.node('Flatten', [value], { name, attributes: { axis: int(1) } });
  }

  #softmax(logits: Value): Value {
    return this.graph.node('Softmax', [logits], {
      name: 'probabilities',
      attributes: { axis: int(1) },
    });
  }

  #depthwise(x: Features, scope: string, window: Window, multiplier: number): Convolution {
    const groups = channelsOf(x);
    const [height, width] = kernelOf(window);
    const dims = [groups * multiplier, 1, height, width];
    const fill = perChannelFilters(x.moments, dims);
    const filters = this.#weights.tensor(`${scope}/depthwise_weights`, dims, fill);
    return { x, scope, filters, window, groups };
  }

  /** The convolution with its batch normalisation or biases, and the activation. */
  #finished(convolution: Convolution, tail: ConvTail): Features {
    const { scope } = convolution;
    const { follow = 'batch-norm', activation = true } = tail;
    const { batchNormScope = `${scope}/BatchNorm` } = tail;
    let y: Features;
    if (follow === 'biases') y = this.#biased(convolution);
    else if (follow === 'batch-norm' && this.#style.foldBatchNorm) {
      y = this.#folded(convolution, batchNormScope);
    } else {
      y = this.#convolved(convolution, convolution.filters);
      if (follow === 'batch-norm') y = this.batchNorm(y, batchNormScope);
    }
    return activation ? this.activated(y, scope) : y;
  }

  #biased(convolution: Convolution): Features {
    const { scope, filters } = convolution;
    const biases = this.#weights.tensor(`${scope}/biases`, filters.dims.slice(0, 1), uniform(0.1));
    return this.#convolved(convolution, filters, biases);
  }

  #folded(convolution: Convolution, batchNormScope: string): Features {
    const { x, scope, filters, groups } = convolution;
    const before = lazily(() =>
      afterConvolution(x.moments(), floatsOf(filters), filters.dims, groups),
    );
    const norm = this.#batchNormAfter(before, filters.dims[0] as number, batchNormScope);
    const { value } = this.#convolved(
      convolution,
      foldedFilters(filters, norm),
      foldedBiases(`${scope}/biases`, norm),
    );
    return { value, moments: afterBatchNorm(norm) };
  }

  #convolved(convolution: Convolution, filters: Initializer, biases?: Initializer): Features {
    const { x, scope, window, groups } = convolution;
    const weights = biases === undefined ? [filters] : [filters, biases];
    for (const one of weights) this.graph.initializer(one);
    const value = this.graph.node('Conv', [x.value, ...weights], {
      name: scope,
      attributes: { ...windowAttributes(window, sizeOf(x)), group: int(groups) },
    });
    const moments = lazily(() => {
      const sums = afterConvolution(x.moments(), floatsOf(filters), filters.dims, groups);
      if (biases === undefined) return sums;
      const offsets = floatsOf(biases);
      return { ...sums, mean: sums.mean.map((mean, i) => mean + (offsets[i] as number)) };
    });
    return { value, moments };
  }

  #batchNormAfter(before: LazyMoments, channels: number, scope: string): BatchNorm {
    const { epsilon, scale } = this.#style;
    return batchNormOf(this.#weights, scope, { epsilon, scale, channels, before });
  }

  /** A scale of ones, for normalisations that have none: the operator asks for one. */
  #onesOf(channels: number): Initializer {
    const found = this.#ones.get(channels);
    if (found !== undefined) return found;
    const ones = this.graph.initializer({
      name: `ones/${channels}`,
      datatype: 'FP32',
      dims: [channels],
      isConstant: true,
      data: () => new Float32Array(channels).fill(1),
    });
    this.#ones.set(channels, ones);
    return ones;
  }
}

function floatsOf(weights: Initializer): Float32Array {
  return weights.data() as Float32Array;
}
