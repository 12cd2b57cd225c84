/** Mean and variance of each channel of an activation, over positions and inputs. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Moments that are worked out when first asked for, since that takes the weights before them. */
export type LazyMoments = () => Moments;

export function lazily(make: LazyMoments): LazyMoments {
  let made: Moments | undefined;
  return () => (made ??= make());
}

/** The same mean and variance in each of `channels` channels. */
export function uniformMoments(channels: number, mean: number, variance: number): Moments {
  return {
    mean: new Float64Array(channels).fill(mean),
    variance: new Float64Array(channels).fill(variance),
  };
}

/**
 * Moments after a convolution, its inputs taken as independent of each other: a weighted sum has
 * the weighted mean, and the variances weighted by the squares.
 *
 * @param weights row-major, of dims [filters, channels / groups, kernel height, kernel width]
 */
export function afterConvolution(
  input: Moments,
  weights: Float32Array,
  dims: readonly number[],
  groups: number,
): Moments {
  const [filters, channels, height, width] = dims as [number, number, number, number];
  const window = height * width;
  const result = uniformMoments(filters, 0, 0);
  for (let filter = 0; filter < filters; filter += 1) {
    const firstChannel = Math.floor(filter / (filters / groups)) * channels;
    let mean = 0;
    let variance = 0;
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      let squares = 0;
      const start = (filter * channels + channel) * window;
      for (let i = start; i < start + window; i += 1) {
        const weight = weights[i] as number;
        sum += weight;
        squares += weight * weight;
      }
      mean += sum * (input.mean[firstChannel + channel] as number);
      variance += squares * (input.variance[firstChannel + channel] as number);
    }
    result.mean[filter] = mean;
    result.variance[filter] = variance;
  }
  return result;
}

/** Moments after `activation`, its inputs taken as normally distributed. */
export function afterActivation(input: Moments, activation: (x: number) => number): Moments {
  const channels = input.mean.length;
  const result = uniformMoments(channels, 0, 0);
  for (let channel = 0; channel < channels; channel += 1) {
    const mean = input.mean[channel] as number;
    const deviation = Math.sqrt(input.variance[channel] as number);
    let first = 0;
    let second = 0;
    for (const { z, share } of standardNormal) {
      const y = activation(mean + deviation * z);
      first += share * y;
      second += share * y * y;
    }
    result.mean[channel] = first;
    result.variance[channel] = Math.max(second - first * first, 0);
  }
  return result;
}

/** Mean squares of the channels. */
export function meanSquares({ mean, variance }: Moments): Float64Array {
  return mean.map((one, i) => one * one + (variance[i] as number));
}

/** Moments of a sum, its parts taken as independent. */
export function summed(a: Moments, b: Moments): Moments {
  return {
    mean: a.mean.map((one, i) => one + (b.mean[i] as number)),
    variance: a.variance.map((one, i) => one + (b.variance[i] as number)),
  };
}

/** Moments of the channels of several activations, one after the other. */
export function concatenated(parts: readonly Moments[]): Moments {
  return {
    mean: Float64Array.from(parts.flatMap(({ mean }) => [...mean])),
    variance: Float64Array.from(parts.flatMap(({ variance }) => [...variance])),
  };
}

export function scaledVariance({ mean, variance }: Moments, factor: number): Moments {
  return { mean, variance: variance.map((one) => one * factor) };
}

/**
 * Of the values under a window, which resemble each other, so many count as independent: between
 * all of them, as in noise, and 1, as on an even surface.
 */
function independentUnder(positions: number): number {
  return positions ** 0.4;
}

/** Moments after the mean over windows of `positions` values. */
export function afterAveragePool(input: Moments, positions: number): Moments {
  return scaledVariance(input, 1 / independentUnder(positions));
}

/**
 * Moments after the largest of windows of `positions` values. Channels whose mean is more than half
 * of their deviation are taken as rectified normal distributions, as ReLU leaves them (0.68), others
 * as normal ones. The largest of rectified values varies more than they do, not less.
 */
export function afterMaxPool(input: Moments, positions: number): Moments {
  const count = independentUnder(positions);
  const normal = largestOf(count, (z) => z);
  const rectified = largestOf(count, (z) => Math.max(z, 0));
  const gains = Array.from(input.mean, (mean, i) =>
    mean > 0.5 * Math.sqrt(input.variance[i] as number) ? rectified : normal,
  );
  return {
    mean: input.mean.map(
      (mean, i) => mean + (gains[i] as Largest).shift * Math.sqrt(input.variance[i] as number),
    ),
    variance: input.variance.map((one, i) => one * (gains[i] as Largest).variance),
  };
}

/** What taking the largest does to a mean, in deviations, and by how much the variance changes. */
interface Largest {
  readonly shift: number;
  readonly variance: number;
}

/** The largest of `count` values f(z) with a standard normal z, against one of them. */
function largestOf(count: number, f: (z: number) => number): Largest {
  const of = (power: number): { readonly mean: number; readonly variance: number } => {
    let below = 0;
    let mean = 0;
    let square = 0;
    for (const { z, share } of standardNormal) {
      const probability = (below + share) ** power - below ** power;
      mean += probability * f(z);
      square += probability * f(z) ** 2;
      below += share;
    }
    return { mean, variance: square - mean * mean };
  };
  const [one, largest] = [of(1), of(count)];
  return {
    shift: (largest.mean - one.mean) / Math.sqrt(one.variance),
    variance: largest.variance / one.variance,
  };
}

/** E[f(x)^2] of a standard normal x. */
export function meanSquareAfter(activation: (x: number) => number): number {
  let square = 0;
  for (const { z, share } of standardNormal) square += share * activation(z) ** 2;
  return square;
}

/** The standard normal distribution as 100 points with the share of each. */
const standardNormal = (() => {
  const points = Array.from({ length: 100 }, (_, i) => {
    const z = -5 + (i + 0.5) / 10;
    return { z, share: Math.exp((-z * z) / 2) };
  });
  const total = points.reduce((sum, { share }) => sum + share, 0);
  return points.map(({ z, share }) => ({ z, share: share / total }));
})();
