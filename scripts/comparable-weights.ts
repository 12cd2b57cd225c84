import { seededWeights, uniform } from '../src/zoo/weights.ts';
import type { Fill, WeightSource } from '../src/zoo/weights.ts';

/**
 * Seeded weights under which a network can be compared with another to float32's precision.
 *
 * The zoo's own have normalised activations around 0.5 before ReLU. A difference then grows from layer
 * to layer by sqrt(P(active) / Var(ReLU)), or 1.12 (Poole et al. 2016, arXiv 1606.05340); around 1, as
 * here, it is 1.06. ReLU6 gets a wider spread around 3, so that both of its ends come to matter. All
 * other weights and the statistics follow from these.
 */
export function comparableWeights(seed: number, clipsAt6: boolean): WeightSource {
  const source = seededWeights(seed);
  const instead: Readonly<Record<string, Fill>> = clipsAt6
    ? { gamma: uniform(0.3, 3), beta: uniform(0.3, 3) }
    : { beta: uniform(0.1, 1) };
  return {
    key: `comparable ${source.key}`,
    tensor(name, dims, fill) {
      const kind = name.slice(name.lastIndexOf('/') + 1);
      return source.tensor(name, dims, instead[kind] ?? fill);
    },
  };
}
