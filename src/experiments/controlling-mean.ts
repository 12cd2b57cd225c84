import type { Observation, Scaler } from '../scaling/scaler.ts';

/**
 * A scaler that is shown the mean latency where it looks for the SLO's percentile: how the authors'
 * code ran DNNScaler, while it ran Clipper on p95.
 */
export function controllingMean(scaler: Scaler): Scaler {
  return {
    name: scaler.name,
    get approach() {
      return scaler.approach;
    },
    get profile() {
      return scaler.profile;
    },
    get wants() {
      return scaler.wants;
    },
    first: () => scaler.first(),
    decide: (observation) => scaler.decide(withMean(observation)),
  };
}

function withMean(observation: Observation): Observation {
  const { requestLatency } = observation;
  return {
    ...observation,
    requestLatency: { ...requestLatency, atPercentileMs: requestLatency.meanMs },
  };
}
