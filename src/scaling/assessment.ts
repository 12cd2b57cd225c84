import { percentileName } from '../slo.ts';
import { samplesFor } from '../telemetry/quantile.ts';
import { formatMs } from '../units.ts';
import type { Observation } from './scaler.ts';

/** Lower edge of the band in which the paper's algorithms hold, as a share of the SLO (alpha). */
export const bandShare = 0.85;

/** Where the controlled latency stands: over the SLO, within [0.85 SLO, SLO], or under that band. */
export type Standing = 'over' | 'within' | 'under';

/**
 * The statistic that every scaler controls: the request latency at the SLO's percentile, in ms;
 * infinite when nothing was answered.
 */
export function controlledLatencyMs(observation: Observation): number {
  return observation.rows === 0
    ? Number.POSITIVE_INFINITY
    : observation.requestLatency.atPercentileMs;
}

export function standingOf(observation: Observation): Standing {
  const latencyMs = controlledLatencyMs(observation);
  if (latencyMs > observation.slo.limitMs) return 'over';
  return latencyMs >= bandShare * observation.slo.limitMs ? 'within' : 'under';
}

/**
 * The standing in words: `p95 61.0 ms over the 50.0 ms SLO`. Calls too few to claim the percentile are
 * said; so many over the limit tell that it is broken all the same.
 */
export function describeStanding(observation: Observation): string {
  const { slo } = observation;
  if (observation.rows === 0) return `nothing answered, ${observation.errors} errors`;
  const latency = `${percentileName(slo.percentile)} ${formatMs(controlledLatencyMs(observation))}`;
  const limit = `${formatMs(slo.limitMs)} SLO`;
  switch (standingOf(observation)) {
    case 'over': {
      const isClaim = observation.calls >= samplesFor(slo.percentile);
      return `${latency} over the ${limit}${isClaim ? '' : `, by ${observation.calls} calls`}`;
    }
    case 'within':
      return `${latency} within ${bandShare * 100}-100% of the ${limit}`;
    case 'under':
      return `${latency} under ${bandShare * 100}% of the ${limit}`;
  }
}

/** At or above this share batches count as full, and instances as busy. */
const bindingShare = 0.9;

/** False when batches went out unfilled: larger ones would have gone out unfilled too. */
export function batchSizeBinds(observation: Observation): boolean {
  return observation.batchFill >= bindingShare;
}

/** False when instances idled: another one would have idled more. */
export function instancesBind(observation: Observation): boolean {
  return observation.busyShare >= bindingShare;
}
