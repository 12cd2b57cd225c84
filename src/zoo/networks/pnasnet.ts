import type { Features } from '../layers/features.ts';
import { imageNetwork } from './image-network.ts';
import { cell } from './nasnet-cell.ts';
import type { CellDesign } from './nasnet-cell.ts';
import { finalLayer, imageNetStem } from './nasnet.ts';

/** PNASNet-5's only cell (figure 1 of the paper), which has a stride where the size is to halve. */
const design: CellDesign = {
  blocks: [
    [
      [1, 'separable5'],
      [1, 'max'],
    ],
    [
      [0, 'separable7'],
      [0, 'max'],
    ],
    [
      [0, 'separable5'],
      [0, 'separable3'],
    ],
    [
      [4, 'separable3'],
      [0, 'max'],
    ],
    [
      [1, 'separable3'],
      [0, 'none'],
    ],
  ],
  results: [2, 3, 4, 5, 6],
};

interface Size {
  readonly cells: number;
  /** Channels of a state after the stem; doubled by each halving. */
  readonly filters: number;
  readonly stemFilters: number;
}

/** PNASNet-5 (Liu et al. 2017, arXiv 1712.00559) as in TF-Slim's `pnasnet.py`, without the auxiliary head. */
function pnasnet(name: 'mobile' | 'large', px: number, size: Size) {
  return imageNetwork({
    name: `pnasnet_${name}`,
    title: `PNASNet-5 ${name}`,
    source: 'Liu et al. 2017 (arXiv 1712.00559); layers and 1001 classes as in TF-Slim',
    px,
    style: { epsilon: 0.001 },
    body(layers, image) {
      const results = imageNetStem(layers, image, design, size);
      let { filters } = size;
      for (let i = 0; i < size.cells; i += 1) {
        const halves = [1, 2].some((third) => i === Math.floor((third * size.cells) / 3));
        if (halves) filters *= 2;
        const before = results.at(-2);
        const options = { design, filters, stride: halves ? 2 : 1, before } as const;
        results.push(cell(layers, results.at(-1) as Features, `cell_${i}`, options));
      }
      return finalLayer(layers, results.at(-1) as Features);
    },
  });
}

/** 3 cells between halvings, 54 channels. */
export const pnasnetMobile = pnasnet('mobile', 224, { cells: 9, filters: 54, stemFilters: 32 });

/** 4 cells between halvings, 216 channels. */
export const pnasnetLarge = pnasnet('large', 331, { cells: 12, filters: 216, stemFilters: 96 });
