import { DnnScalerError } from '../errors.ts';

export interface Sample {
  readonly x: number;
  readonly y: number;
}

/** `y = factor x x^exponent`. */
export interface PowerLaw {
  readonly factor: number;
  readonly exponent: number;
  /** Mean error when each sample is predicted by a law fitted to the others, in percent. */
  readonly leaveOneOutErrorPercent: number;
  at(x: number): number;
}

/**
 * Fits a power law by least squares in logarithms.
 *
 * @param samples at least three, positive, not all with the same x
 * @throws DnnScalerError `invalid-argument` for fewer
 */
export function fitPowerLaw(samples: readonly Sample[]): PowerLaw {
  if (samples.length < 3) {
    throw new DnnScalerError(
      'invalid-argument',
      `a power law needs at least 3 samples; received ${samples.length}`,
    );
  }
  const errors = samples.map((left) => {
    const { factor, exponent } = solve(samples.filter((sample) => sample !== left));
    return Math.abs((factor * left.x ** exponent) / left.y - 1);
  });
  const { factor, exponent } = solve(samples);
  return {
    factor,
    exponent,
    leaveOneOutErrorPercent: (100 * errors.reduce((sum, error) => sum + error, 0)) / errors.length,
    at: (x) => factor * x ** exponent,
  };
}

function solve(samples: readonly Sample[]): { factor: number; exponent: number } {
  const logs = samples.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const meanX = logs.reduce((sum, { x }) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, { y }) => sum + y, 0) / logs.length;
  let covariance = 0;
  let variance = 0;
  for (const { x, y } of logs) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  const exponent = covariance / variance;
  return { factor: Math.exp(meanY - exponent * meanX), exponent };
}
