import type { ConvLayers, ConvOptions } from '../layers/conv-layers.ts';
import type { Features } from '../layers/features.ts';
import { kernelOf } from '../layers/window.ts';
import type { Window } from '../layers/window.ts';
import type { ZooNetwork } from '../network.ts';
import type { Value } from '../onnx/graph.ts';
import { imageNetClasses, imageNetwork } from './image-network.ts';

/** One layer of a branch; it finds its name in the scope that it is given. */
export type Step = (layers: ConvLayers, x: Features, scope: string) => Features;

/**
 * A convolution named `Conv2d_TAG_HxW` after its kernel, as TF-Slim's Inception networks name
 * theirs, or by `name` where they depart from that.
 */
export function conv(
  tag: string,
  filters: number,
  kernel: Window['kernel'],
  { name, ...options }: Omit<Window, 'kernel'> & { readonly name?: string } = {},
): Step {
  const convolution: ConvOptions = { filters, kernel, ...options };
  const own = name ?? `Conv2d_${tag}_${kernelOf({ kernel }).join('x')}`;
  return (layers, x, scope) => layers.conv(x, `${scope}/${own}`, convolution);
}

/** A pool named `MaxPool_TAG_KxK`. */
export function maxPool(tag: string, window: Window): Step {
  const own = `MaxPool_${tag}_${kernelOf(window).join('x')}`;
  return (layers, x, scope) => layers.maxPool(x, `${scope}/${own}`, window);
}

/** A 3 x 3 mean named `AvgPool_0a_3x3`. */
export const averagePool: Step = (layers, x, scope) =>
  layers.averagePool(x, `${scope}/AvgPool_0a_3x3`, { kernel: 3 });

/** Several layers over the same activation, their channels joined. */
export function fork(...steps: readonly Step[]): Step {
  return (layers, x, scope) =>
    layers.concat(
      steps.map((step) => step(layers, x, scope)),
      `${scope}/concat`,
    );
}

function chain(layers: ConvLayers, x: Features, scope: string, steps: readonly Step[]): Features {
  return steps.reduce((y, step) => step(layers, y, scope), x);
}

/** An Inception block: branches `Branch_0`, `Branch_1`, ... over the same input, joined. */
export function mixed(name: string, ...branches: readonly (readonly Step[])[]): Step {
  return (layers, x, scope) =>
    layers.concat(
      branches.map((steps, i) => chain(layers, x, `${scope}/${name}/Branch_${i}`, steps)),
      `${scope}/${name}`,
    );
}

interface InceptionDefinition {
  readonly version: 1 | 2 | 3 | 4;
  readonly source: string;
  readonly px: number;
  /** The layers up to the last block. */
  readonly steps: readonly Step[];
  /** TF-Slim's name for the mean over all positions. */
  readonly pool: string;
  /** From that mean to the probabilities, in the scope of the logits. */
  readonly classify: (layers: ConvLayers, pooled: Features, scope: string) => Value;
}

/** An Inception network without its auxiliary classifier. Normalisation has an offset but no scale. */
export function inception(definition: InceptionDefinition): ZooNetwork {
  const { version, source, px, steps, pool, classify } = definition;
  const scope = `InceptionV${version}`;
  return imageNetwork({
    name: `inception_v${version}`,
    title: `Inception V${version}`,
    source: `${source}; layers and 1001 classes as in TF-Slim`,
    px,
    style: { epsilon: 0.001, scale: false },
    body(layers, image) {
      const x = chain(layers, image, scope, steps);
      const pooled = layers.globalAveragePool(x, `${scope}/Logits/${pool}`);
      return classify(layers, pooled, `${scope}/Logits`);
    },
  });
}

/** A classifier that is a 1 x 1 convolution of that name. */
export function convClassifier(name: string): InceptionDefinition['classify'] {
  return (layers, pooled, scope) =>
    layers.convClassifier(pooled, `${scope}/${name}`, imageNetClasses);
}
