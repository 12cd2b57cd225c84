import { paperLimits } from '../operating-point.ts';
import type { Slo } from '../slo.ts';
import type { Objective } from '../scaling/objective.ts';
import { normalQuantile } from './normal-quantile.ts';
import type { Surface } from './surface.ts';

/** The best that any scaler could do on a surface. */
export interface Oracle {
  readonly batchSize: number;
  readonly instances: number;
  /** Rows answered per second with every instance busy on full batches. */
  readonly throughputPerS: number;
  /** Power there, in watts; absent where the surface has none. */
  readonly powerWatts?: number;
  /** Latency of an engine call at the SLO's percentile, in ms. */
  readonly controlledMs: number;
  /** The same at p95, in ms. */
  readonly p95Ms: number;
}

export interface OracleOptions {
  /** Sigma of the lognormal noise of each engine call, with median 1; 0 or more. */
  readonly noiseSigma: number;
  /** The SLO's limit over the latency that a point may have; default 1.02. */
  readonly margin?: number;
  /** Largest batch size considered; default 128, the paper's. */
  readonly maxBatchSize?: number;
  /** What is to be highest; default throughput. */
  readonly objective?: Objective;
}

const defaultMargin = 1.02;

/**
 * The highest throughput, or throughput per watt, over integer batch sizes and measured counts of instances whose call
 * latency at the SLO's percentile, under independent lognormal noise per call, stays within the
 * SLO's limit over `margin`. Null when no point does.
 *
 * With noise e^(sigma Z) the latency at share p is L e^(sigma z_p), and the mean, which sets the
 * throughput, L e^(sigma^2 / 2).
 */
export function findOracle(surface: Surface, slo: Slo, options: OracleOptions): Oracle | null {
  const { noiseSigma, margin = defaultMargin, maxBatchSize = paperLimits.maxBatchSize } = options;
  const perWatt = options.objective === 'throughput-per-watt';
  const atPercentile = Math.exp(noiseSigma * normalQuantile(slo.percentile));
  const at95 = Math.exp(noiseSigma * normalQuantile(0.95));
  const onAverage = Math.exp((noiseSigma * noiseSigma) / 2);
  let best: Oracle | null = null;
  let mostWorth = 0;
  for (const instances of surface.measuredInstances) {
    const range = surface.measuredRange(instances);
    const largest = Math.min(range?.max ?? 0, maxBatchSize);
    for (let batchSize = range?.min ?? 1; batchSize <= largest; batchSize += 1) {
      const latencyMs = surface.latencyMs(batchSize, instances);
      const controlledMs = latencyMs * atPercentile;
      if (controlledMs > slo.limitMs / margin) continue;
      const throughputPerS = (1000 * instances * batchSize) / (latencyMs * onAverage);
      const powerWatts = surface.powerWatts(batchSize, instances);
      const worth = perWatt ? throughputPerS / powerWatts : throughputPerS;
      if (!(worth > mostWorth)) continue;
      mostWorth = worth;
      const p95Ms = latencyMs * at95;
      const power = surface.hasPower ? { powerWatts } : {};
      best = { batchSize, instances, throughputPerS, ...power, controlledMs, p95Ms };
    }
  }
  return best;
}
