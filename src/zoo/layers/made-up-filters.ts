import { uniform } from '../weights.ts';
import type { Fill } from '../weights.ts';
import { meanSquares } from './moments.ts';
import type { LazyMoments, Moments } from './moments.ts';

/**
 * Filters over all channels, [filters, channels, height, width], whose sums have about the given
 * deviation and, as far as the moments before them are right, a mean of 0 in every channel.
 *
 * He et al. 2015 (arXiv 1502.01852) scale by the number of inputs alone, and let the mean that ReLU
 * leaves pass into every sum. Batch normalisation with fixed statistics takes away the mean that was
 * expected: what differs from it would grow by half from layer to layer, and does in the Inception
 * networks. Filters at right angles to the expected means do not see them, be they right or only
 * proportional.
 */
export function crossChannelFilters(
  before: LazyMoments,
  dims: readonly number[],
  deviation: number,
): Fill {
  return (data, random) => {
    const moments = before();
    const [, , height, width] = dims as [number, number, number, number];
    const positions = height * width;
    const total = positions * sum(moments.variance);
    uniform(deviation / Math.sqrt(total))(data, random);
    removeMeans(data, moments, positions);
  };
}

/** Filters over one channel each, [filters, 1, height, width], whose sums have a mean square of 1. */
export function perChannelFilters(before: LazyMoments, dims: readonly number[]): Fill {
  return (data, random) => {
    const squares = meanSquares(before());
    const [, , height, width] = dims as [number, number, number, number];
    uniform(1 / Math.sqrt((height * width * sum(squares)) / squares.length))(data, random);
  };
}

/** Takes from each filter its share along the means of its inputs, the same at every position. */
function removeMeans(filters: Float32Array, { mean }: Moments, positions: number): void {
  const length = mean.length * positions;
  const square = positions * mean.reduce((total, one) => total + one * one, 0);
  if (square === 0) return;
  for (let start = 0; start < filters.length; start += length) {
    let along = 0;
    for (let i = 0; i < length; i += 1) {
      along += (filters[start + i] as number) * (mean[Math.floor(i / positions)] as number);
    }
    for (let i = 0; i < length; i += 1) {
      const share = (along / square) * (mean[Math.floor(i / positions)] as number);
      filters[start + i] = (filters[start + i] as number) - share;
    }
  }
}

function sum(values: Float64Array): number {
  return values.reduce((total, one) => total + one, 0);
}
