import { DnnScalerError } from '../../errors.ts';
import type { ConvLayers } from '../layers/conv-layers.ts';
import { channelsOf, sizeOf } from '../layers/features.ts';
import type { Features } from '../layers/features.ts';

/**
 * What a half of a block does to a hidden state: two separable convolutions of that size one after
 * the other, a 3 x 3 pool, or nothing.
 */
export type Operation = 'separable3' | 'separable5' | 'separable7' | 'average' | 'max' | 'none';

/** Half of a block: an operation on one of the states so far. */
export type Half = readonly [state: number, operation: Operation];

/**
 * A cell as the search found it. State 0 is the cell's input and state 1 the input of the cell
 * before it, both brought to the cell's width; block i adds its halves up to state i + 2.
 */
export interface CellDesign {
  readonly blocks: readonly (readonly [left: Half, right: Half])[];
  /** The states whose channels, one after the other, are the cell's result. */
  readonly results: readonly number[];
}

export interface CellOptions {
  readonly design: CellDesign;
  /** Channels of every state. */
  readonly filters: number;
  /** 2 halves height and width. */
  readonly stride: 1 | 2;
  /** The result before the cell's input; undefined where there is none, in the first cell. */
  readonly before: Features | undefined;
}

/**
 * A NASNet cell as TF-Slim's `NasNetABaseCell` builds it, with its scopes. Every convolution has ReLU
 * before it and batch normalisation after it. Only operations on the two inputs have the stride.
 */
export function cell(
  layers: ConvLayers,
  input: Features,
  scope: string,
  options: CellOptions,
): Features {
  const { design, filters, stride, before } = options;
  const states = [
    normalised(layers, input, `${scope}/1x1`, { filters, batchNormScope: `${scope}/beginning_bn` }),
    before === undefined ? input : fitted(layers, before, input, scope, filters),
  ];
  design.blocks.forEach((halves, i) => {
    const block = `${scope}/comb_iter_${i}`;
    const [left, right] = halves.map(([index, operation], side) => {
      const state = states[index] as Features;
      const target = { filters, stride: index < 2 ? stride : 1 };
      return apply(layers, state, `${block}/${side === 0 ? 'left' : 'right'}`, operation, target);
    });
    states.push(layers.add(left as Features, right as Features, `${block}/combine/add`));
  });
  const results = design.results.map((index) => states[index] as Features);
  for (const result of results) {
    if (channelsOf(result) !== filters) {
      throw new DnnScalerError('internal', `a result of ${scope} has not ${filters} channels`);
    }
  }
  return layers.concat(results, `${scope}/cell_output/concat`);
}

/** The result before the input, at the input's size and the cell's width. */
function fitted(
  layers: ConvLayers,
  before: Features,
  input: Features,
  scope: string,
  filters: number,
): Features {
  if (sizeOf(before)[0] !== sizeOf(input)[0]) return halved(layers, before, scope, filters);
  if (channelsOf(before) === filters) return before;
  return normalised(layers, before, `${scope}/prev_1x1`, {
    filters,
    batchNormScope: `${scope}/prev_bn`,
  });
}

/**
 * Half the size by two paths of half the channels: the even positions, and the odd ones with zeros
 * beyond the border. TF-Slim writes them as pools of 1 x 1 before convolutions without a stride.
 */
function halved(layers: ConvLayers, x: Features, scope: string, filters: number): Features {
  const bare = { kernel: 1, stride: 2, follow: 'nothing', activation: false } as const;
  const active = layers.activated(x, `${scope}/path`);
  const even = layers.conv(active, `${scope}/path1_conv`, {
    ...bare,
    filters: Math.floor(filters / 2),
    padding: 'VALID',
  });
  const odd = layers.conv(
    layers.withoutFirst(active, `${scope}/path2`),
    `${scope}/path2_conv`,
    // An odd number of channels leaves one more to this path.
    { ...bare, filters: Math.ceil(filters / 2), padding: 'AFTER' },
  );
  const both = layers.concat([even, odd], `${scope}/final_path`);
  return layers.batchNorm(both, `${scope}/final_path_bn`);
}

function apply(
  layers: ConvLayers,
  x: Features,
  scope: string,
  operation: Operation,
  { filters, stride }: { readonly filters: number; readonly stride: number },
): Features {
  const fits = channelsOf(x) === filters;
  const batchNormScope = `${scope}/bn_1`;
  switch (operation) {
    case 'separable3':
      return separableTwice(layers, x, scope, { kernel: 3, filters, stride });
    case 'separable5':
      return separableTwice(layers, x, scope, { kernel: 5, filters, stride });
    case 'separable7':
      return separableTwice(layers, x, scope, { kernel: 7, filters, stride });
    case 'none':
      if (fits && stride === 1) return x;
      return normalised(layers, x, `${scope}/1x1`, { filters, stride, batchNormScope });
    case 'average':
    case 'max': {
      const window = { kernel: 3, stride };
      const pooled =
        operation === 'max'
          ? layers.maxPool(x, `${scope}/MaxPool`, window)
          : layers.averagePool(x, `${scope}/AvgPool`, window);
      if (fits) return pooled;
      const options = { kernel: 1, filters, batchNormScope, activation: false };
      return layers.conv(pooled, `${scope}/1x1`, options);
    }
  }
}

function separableTwice(
  layers: ConvLayers,
  input: Features,
  scope: string,
  options: { readonly kernel: number; readonly filters: number; readonly stride: number },
): Features {
  const { kernel, filters, stride } = options;
  let x = input;
  for (const layer of [1, 2]) {
    const own = `${kernel}x${kernel}_${layer}`;
    x = layers.separable(
      layers.activated(x, `${scope}/separable_${own}`),
      `${scope}/separable_${own}`,
      {
        kernel,
        filters,
        stride: layer === 1 ? stride : 1,
        batchNormScope: `${scope}/bn_sep_${own}`,
        activation: false,
      },
    );
  }
  return x;
}

/** ReLU, a 1 x 1 convolution and batch normalisation. */
function normalised(
  layers: ConvLayers,
  x: Features,
  scope: string,
  options: { readonly filters: number; readonly stride?: number; readonly batchNormScope: string },
): Features {
  return layers.conv(layers.activated(x, scope), scope, {
    kernel: 1,
    ...options,
    activation: false,
  });
}
