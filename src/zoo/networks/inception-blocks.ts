import type { ConvLayers, ConvOptions } from '../layers/conv-layers.ts';
import type { Features } from '../layers/features.ts';
import { kernelOf } from '../layers/window.ts';
import type { Window } from '../layers/window.ts';

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

export function chain(
  layers: ConvLayers,
  x: Features,
  scope: string,
  steps: readonly Step[],
): Features {
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
