import { Random } from '../random.ts';
import { elementCount } from '../tensor/dtype.ts';
import type { Initializer } from './onnx/graph.ts';

/** Fills a weight tensor, whose elements are 0 at first, from its own random numbers. */
export type Fill = (data: Float32Array, random: Random) => void;

/** Where the weights of a network come from. */
export interface WeightSource {
  /** Tells sources apart: those of equal keys give equal weights. */
  readonly key: string;
  /**
   * The weight tensor of that name.
   *
   * @param name the name that the network's publication or reference code gives it
   * @param fill how to make it up, for a source that has no trained weights
   */
  tensor(name: string, dims: readonly number[], fill: Fill): Initializer;
}

/**
 * Weights from a seed. Each tensor has random numbers of its own, derived from the seed and its
 * name, so it is the same whenever and in whatever order tensors are made.
 */
export function seededWeights(seed: number): WeightSource {
  return {
    key: `seed ${seed}`,
    tensor: (name, dims, fill) => ({
      name,
      datatype: 'FP32',
      dims,
      data() {
        const data = new Float32Array(elementCount(dims));
        fill(data, new Random(hash(`${seed}/${name}`)));
        return data;
      },
    }),
  };
}

/** Uniform around a mean with the given standard deviation, so bounded by sqrt(3) of it. */
export function uniform(standardDeviation: number, mean = 0): Fill {
  const width = 2 * Math.sqrt(3) * standardDeviation;
  return (data, random) => {
    for (let i = 0; i < data.length; i += 1) data[i] = mean + width * (random.next() - 0.5);
  };
}

/** FNV-1a, 32 bits (Fowler, Noll and Vo). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
