import { invalidArgument } from './errors.ts';
import { formatMs } from './units.ts';

/** Latency objective: the given percentile of latencies stays at or under the limit. */
export interface Slo {
  /** Between 0 and 1, both excluded; 0.95 means p95. */
  readonly percentile: number;
  readonly limitMs: number;
}

export const defaultPercentile = 0.95;

/** @throws DnnScalerError `invalid-argument` when a part is out of its range */
export function makeSlo(limitMs: number, percentile: number = defaultPercentile): Slo {
  if (!(limitMs > 0) || !Number.isFinite(limitMs)) {
    throw invalidArgument('the SLO limit', 'must be a positive number of milliseconds', limitMs);
  }
  if (!(percentile > 0 && percentile < 1)) {
    throw invalidArgument(
      'the SLO percentile',
      'must lie between 0 and 1, such as 0.95',
      percentile,
    );
  }
  return { percentile, limitMs };
}

/** `p95`, `p99.9`. */
export function percentileName(percentile: number): string {
  return `p${Number((percentile * 100).toFixed(3))}`;
}

/** `p95 <= 50.0 ms`. */
export function formatSlo(slo: Slo): string {
  return `${percentileName(slo.percentile)} <= ${formatMs(slo.limitMs)}`;
}
