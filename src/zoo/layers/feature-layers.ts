import type { ImageDatatype } from '../network.ts';
import type { GraphBuilder, Input } from '../onnx/graph-builder.ts';
import { batchDim, elementTypeOf, int, ints } from '../onnx/graph.ts';
import { sizeOf } from './features.ts';
import type { Features } from './features.ts';
import {
  afterActivation,
  afterAveragePool,
  afterMaxPool,
  concatenated,
  lazily,
  scaledVariance,
  summed,
  uniformMoments,
} from './moments.ts';
import { kernelOf, windowAttributes } from './window.ts';
import type { Window } from './window.ts';

export type Activation = 'Relu' | 'Relu6';

const activations: Readonly<Record<Activation, (x: number) => number>> = {
  Relu: (x) => Math.max(x, 0),
  Relu6: (x) => Math.min(Math.max(x, 0), 6),
};

/** An end for Slice that stands for the end of any axis. */
const beyondAnySize = 2 ** 31 - 1;

/**
 * Share of a channel's variance that its mean over an image keeps. Independent positions would
 * keep 1 / 49 of 7 x 7, but those of an image resemble each other: noise keeps 0.05 and
 * photographs 0.1 to 0.2 in the MobileNets with made-up weights.
 */
const pooledVarianceShare = 0.1;

/**
 * Variance of pixels in [-1, 1]: that of ImageNet's photographs, whose channels deviate by 0.225 to
 * 0.229 on a scale from 0 to 1 (torchvision's normalisation). Noise has 1/3.
 */
const pixelVariance = 0.2;

/** The layers of convolutional networks that have no weights, as ONNX nodes, channels first. */
export class FeatureLayers {
  protected readonly graph: GraphBuilder;
  #relu6Bounds: readonly Input[] | undefined;
  #cornerBounds: readonly Input[] | undefined;

  constructor(graph: GraphBuilder) {
    this.graph = graph;
  }

  /**
   * The input `input` of the model: RGB images of `px` x `px`, channels last, either float32 in
   * [-1, 1] or uint8, which is brought to that range by the graph (x * 2 / 255 - 1).
   */
  image(px: number, datatype: ImageDatatype): Features {
    const graph = this.graph;
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
    return { value, moments: lazily(() => uniformMoments(3, 0, pixelVariance)) };
  }

  activation(x: Features, kind: Activation, name: string): Features {
    const value =
      kind === 'Relu'
        ? this.graph.node('Relu', [x.value], { name })
        : this.graph.node('Clip', [x.value, ...this.#boundsOfRelu6()], { name });
    return { value, moments: lazily(() => afterActivation(x.moments(), activations[kind])) };
  }

  /** The largest value under each window; padding never wins. */
  maxPool(x: Features, name: string, window: Window): Features {
    const attributes = windowAttributes(window, sizeOf(x));
    const value = this.graph.node('MaxPool', [x.value], { name, attributes });
    const [height, width] = kernelOf(window);
    return { value, moments: lazily(() => afterMaxPool(x.moments(), height * width)) };
  }

  /** The mean under each window, of the positions inside the image alone, as TensorFlow has it. */
  averagePool(x: Features, name: string, window: Window): Features {
    const attributes = windowAttributes(window, sizeOf(x));
    const value = this.graph.node('AveragePool', [x.value], {
      name,
      attributes: { ...attributes, count_include_pad: int(0) },
    });
    const [height, width] = kernelOf(window);
    return { value, moments: lazily(() => afterAveragePool(x.moments(), height * width)) };
  }

  /** The mean over all positions. */
  globalAveragePool(x: Features, name: string): Features {
    const value = this.graph.node('GlobalAveragePool', [x.value], { name });
    return { value, moments: lazily(() => scaledVariance(x.moments(), pooledVarianceShare)) };
  }

  /** All but the first row and the first column. */
  withoutFirst(x: Features, name: string): Features {
    this.#cornerBounds ??= [
      this.graph.int64s('corner/starts', [1, 1]),
      this.graph.int64s('corner/ends', [beyondAnySize, beyondAnySize]),
      this.graph.int64s('corner/axes', [2, 3]),
    ];
    const value = this.graph.node('Slice', [x.value, ...this.#cornerBounds], { name });
    return { value, moments: x.moments };
  }

  add(a: Features, b: Features, name: string): Features {
    const value = this.graph.node('Add', [a.value, b.value], { name });
    return { value, moments: lazily(() => summed(a.moments(), b.moments())) };
  }

  /** The channels of all, in turn. */
  concat(parts: readonly Features[], name: string): Features {
    const value = this.graph.node(
      'Concat',
      parts.map((part) => part.value),
      { name, attributes: { axis: int(1) } },
    );
    return { value, moments: lazily(() => concatenated(parts.map(({ moments }) => moments()))) };
  }

  #boundsOfRelu6(): readonly Input[] {
    return (this.#relu6Bounds ??= [
      this.graph.scalar('relu6/min', 'FP32', 0),
      this.graph.scalar('relu6/max', 'FP32', 6),
    ]);
  }
}
