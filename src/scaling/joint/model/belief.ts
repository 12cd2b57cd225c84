import { normalCdf } from '../../normal-cdf.ts';

/**
 * What the latency at an operating point is believed to be: a mixture of lognormals, one for each
 * explanation still in the running. The arrays may be reused by the next prediction.
 */
export interface LatencyBelief {
  /** Explanations in the mixture: the arrays may be longer. */
  readonly count: number;
  /** Weights, adding up to 1. */
  readonly shares: Float64Array;
  /** Natural logarithms of the medians, in ms. */
  readonly logMs: Float64Array;
  /** Standard deviations of the logarithms, over 0. */
  readonly sds: Float64Array;
}

/** Standard deviations beyond which a share counts as nothing. */
const negligible = -4;

/** Expected natural logarithm of the latency, in ms. */
export function meanLogMs({ count, shares, logMs }: LatencyBelief): number {
  let mean = 0;
  for (let c = 0; c < count; c += 1) mean += (shares[c] as number) * (logMs[c] as number);
  return mean;
}

/** Standard deviation of the natural logarithm of the latency. */
export function sdOfLog(belief: LatencyBelief): number {
  const { count, shares, logMs, sds } = belief;
  const mean = meanLogMs(belief);
  let variance = 0;
  for (let c = 0; c < count; c += 1) {
    const apart = (logMs[c] as number) - mean;
    variance += (shares[c] as number) * ((sds[c] as number) ** 2 + apart * apart);
  }
  return Math.sqrt(variance);
}

/** Chance that the latency is within the limit. */
export function chanceWithin(belief: LatencyBelief, logLimitMs: number): number {
  const { count, shares, logMs, sds } = belief;
  let chance = 0;
  for (let c = 0; c < count; c += 1) {
    const z = (logLimitMs - (logMs[c] as number)) / (sds[c] as number);
    chance += (shares[c] as number) * normalCdf(z);
  }
  return chance;
}

/**
 * E[max(0, latency / limit - 1)]: by what share of the limit it is broken, on average. For a
 * lognormal with m = ln(median / limit) that is e^(m + sd^2/2) Phi(m/sd + sd) - Phi(m/sd).
 */
export function expectedExcess(belief: LatencyBelief, logLimitMs: number): number {
  const { count, shares, logMs, sds } = belief;
  let excess = 0;
  for (let c = 0; c < count; c += 1) {
    const sd = sds[c] as number;
    const over = (logMs[c] as number) - logLimitMs;
    const z = over / sd;
    if (z < negligible) continue;
    const whenOver = Math.exp(over + (sd * sd) / 2) * normalCdf(z + sd);
    excess += (shares[c] as number) * (whenOver - normalCdf(z));
  }
  return excess;
}

/**
 * E[max(0, T - incumbent)] in rows per ms, for the throughput T = rows / latency, which counts as 0
 * beyond the limit: expected improvement, as in Jones, Schonlau and Welch, "Efficient Global
 * Optimization of Expensive Black-Box Functions" (1998), with the constraint of Gardner et al.,
 * "Bayesian Optimization with Inequality Constraints" (2014), both on the same quantity here.
 */
export function expectedGain(
  belief: LatencyBelief,
  rows: number,
  logLimitMs: number,
  incumbentPerMs: number,
): number {
  const { count, shares, logMs, sds } = belief;
  const cut =
    incumbentPerMs > 0 ? Math.min(logLimitMs, Math.log(rows / incumbentPerMs)) : logLimitMs;
  let gain = 0;
  for (let c = 0; c < count; c += 1) {
    const sd = sds[c] as number;
    const z = (cut - (logMs[c] as number)) / sd;
    if (z < negligible) continue;
    const perMs = rows * Math.exp((sd * sd) / 2 - (logMs[c] as number));
    const gained = perMs * normalCdf(z + sd) - incumbentPerMs * normalCdf(z);
    gain += (shares[c] as number) * gained;
  }
  return Math.max(0, gain);
}
