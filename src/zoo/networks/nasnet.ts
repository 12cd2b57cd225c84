import type { ConvLayers } from '../layers/conv-layers.ts';
import type { Features } from '../layers/features.ts';
import { imageNetClasses, imageNetwork } from './image-network.ts';
import { cell } from './nasnet-cell.ts';
import type { CellDesign } from './nasnet-cell.ts';

/** NASNet-A's normal cell (figure 4 of the paper). */
const normal: CellDesign = {
  blocks: [
    [
      [0, 'separable5'],
      [1, 'separable3'],
    ],
    [
      [1, 'separable5'],
      [1, 'separable3'],
    ],
    [
      [0, 'average'],
      [1, 'none'],
    ],
    [
      [1, 'average'],
      [1, 'average'],
    ],
    [
      [0, 'separable3'],
      [0, 'none'],
    ],
  ],
  results: [1, 2, 3, 4, 5, 6],
};

/** NASNet-A's reduction cell. */
const reduction: CellDesign = {
  blocks: [
    [
      [0, 'separable5'],
      [1, 'separable7'],
    ],
    [
      [0, 'max'],
      [1, 'separable7'],
    ],
    [
      [0, 'average'],
      [1, 'separable5'],
    ],
    [
      [3, 'none'],
      [2, 'average'],
    ],
    [
      [2, 'separable3'],
      [0, 'max'],
    ],
  ],
  results: [3, 4, 5, 6],
};

interface Size {
  readonly cells: number;
  /** Channels of a state after the stem; doubled by each reduction. */
  readonly filters: number;
  readonly stemFilters: number;
  /**
   * Whether the normal cell after a reduction takes as its second input not the reduction's input but
   * the result before that.
   */
  readonly skipsReductionInput: boolean;
}

/**
 * The first convolution and two cells that halve the size, at a quarter and half of the width:
 * TF-Slim's `_imagenet_stem`.
 *
 * @returns the results so far, the stem's own last
 */
export function imageNetStem(
  layers: ConvLayers,
  image: Features,
  design: CellDesign,
  { filters, stemFilters }: { readonly filters: number; readonly stemFilters: number },
): Features[] {
  const first = layers.conv(image, 'conv0', {
    filters: stemFilters,
    kernel: 3,
    stride: 2,
    padding: 'VALID',
    batchNormScope: 'conv0_bn',
    activation: false,
  });
  const stem = { design, stride: 2 } as const;
  const quarter = Math.floor(filters / 4);
  const half = Math.floor(filters / 2);
  const second = cell(layers, first, 'cell_stem_0', {
    ...stem,
    filters: quarter,
    before: undefined,
  });
  const third = cell(layers, second, 'cell_stem_1', { ...stem, filters: half, before: first });
  return [first, second, third];
}

/** The classifier of both families: ReLU, the mean over all positions, a fully-connected layer. */
export function finalLayer(layers: ConvLayers, x: Features) {
  const active = layers.activated(x, 'final_layer');
  const pooled = layers.globalAveragePool(active, 'final_layer/Mean');
  return layers.denseClassifier(pooled, 'final_layer/FC', imageNetClasses);
}

function body(layers: ConvLayers, image: Features, size: Size) {
  const results = imageNetStem(layers, image, reduction, size);
  let { filters } = size;
  for (let i = 0; i < size.cells; i += 1) {
    let before = results.at(-2);
    const reductionIndex = [1, 2].findIndex((third) => i === Math.floor((third * size.cells) / 3));
    if (reductionIndex >= 0) {
      filters *= 2;
      const options = { design: reduction, filters, stride: 2, before } as const;
      const scope = `reduction_cell_${reductionIndex}`;
      results.push(cell(layers, results.at(-1) as Features, scope, options));
      if (!size.skipsReductionInput) before = results.at(-2);
    }
    const options = { design: normal, filters, stride: 1, before } as const;
    results.push(cell(layers, results.at(-1) as Features, `cell_${i}`, options));
  }
  return finalLayer(layers, results.at(-1) as Features);
}

/** NASNet-A (Zoph et al. 2017, arXiv 1707.07012) as in TF-Slim's `nasnet.py`, without the auxiliary head. */
function nasnet(name: 'mobile' | 'large', px: number, size: Size) {
  return imageNetwork({
    name: `nasnet_${name}`,
    title: `NASNet-A ${name}`,
    source: 'Zoph et al. 2017 (arXiv 1707.07012); layers and 1001 classes as in TF-Slim',
    px,
    style: { epsilon: 0.001 },
    body: (layers, image) => body(layers, image, size),
  });
}

/** NASNet-A (4 @ 1056). */
export const nasnetMobile = nasnet('mobile', 224, {
  cells: 12,
  filters: 44,
  stemFilters: 32,
  skipsReductionInput: false,
});

/** NASNet-A (6 @ 4032). */
export const nasnetLarge = nasnet('large', 331, {
  cells: 18,
  filters: 168,
  stemFilters: 96,
  skipsReductionInput: true,
});
