const step = 1 / 256;
const end = 5;
const table = Float64Array.from({ length: (2 * end) / step + 2 }, (_, i) =>
  computed(i * step - end),
);

/** P(Z <= z) of the standard normal distribution, to 1e-6, from a table. */
export function normalCdf(z: number): number {
  if (z <= -end) return 0;
  if (z >= end) return 1;
  const position = (z + end) / step;
  const index = Math.floor(position);
  const low = table[index] as number;
  return low + (position - index) * ((table[index + 1] as number) - low);
}

/** The z with P(Z <= z) = probability, in (0, 1), by bisection; at most 5 in size. */
export function normalQuantile(probability: number): number {
  let low = -end;
  let high = end;
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17: to 7.5e-8. */
function computed(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  const series =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - density * series : density * series;
}
