import type { Observation } from '../scaler.ts';

/**
 * What the traffic asks of the operating point.
 *
 * - `closed`: exactly as many requests are outstanding as the point holds, as under a closed loop:
 *   none waits, so request latency is call latency and throughput follows the point.
 * - `light`: requests are answered in time and the point has room for more.
 * - `full`: requests are answered in time, and as many of them as the point can answer.
 * - `late`: requests wait too long though the point could answer more of them.
 * - `overloaded`: more requests arrive, or wait from before, than the point can answer in time.
 */
export type LoadKind = 'closed' | 'light' | 'full' | 'late' | 'overloaded';

/** How far the requests outstanding may be from what the point holds under a closed loop. */
const closedTolerance = 0.05;
/** From this share on, of rows in batches and of time in instances, there is no room for more. */
const fullShare = 0.9;
/** Throughput to have over what arrives. */
const headroom = 1.1;

/** Requests outstanding on average are throughput x latency (Little's law). */
export function loadOf(observation: Observation): LoadKind {
  const { point, slo, throughputPerS, requestLatency, batchFill, busyShare } = observation;
  const outstanding = (throughputPerS / 1000) * requestLatency.meanMs;
  const held = point.batchSize * point.instances;
  const isClosed = Math.abs(outstanding / held - 1) <= closedTolerance;
  if (isClosed && batchFill >= fullShare) return 'closed';
  const isFull = batchFill >= fullShare && busyShare >= fullShare;
  if (slowestMs(observation) <= slo.limitMs) return isFull ? 'full' : 'light';
  return isFull ? 'overloaded' : 'late';
}

/**
 * Rows per ms that another point has to be able to answer, so that moving there makes nothing worse:
 * what arrives, and some more, while requests of an open loop are answered; 0 otherwise.
 */
export function neededPerMs(observation: Observation, load: LoadKind): number {
  if (load !== 'late' && load !== 'full') return 0;
  return headroom * Math.max(arrivingPerMs(observation), observation.throughputPerS / 1000);
}

/** Rows that arrive per ms. */
export function arrivingPerMs({ arrivals, durationMs }: Observation): number {
  return arrivals / durationMs;
}

function slowestMs({ requestLatency: { p99Ms, atPercentileMs } }: Observation): number {
  return Math.max(p99Ms, atPercentileMs);
}
