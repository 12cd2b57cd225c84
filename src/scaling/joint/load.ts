import type { Observation } from '../scaler.ts';

/**
 * What the traffic asks of the operating point.
 *
 * - `closed`: exactly as many requests are outstanding as the point holds, as under a closed loop:
 *   none waits, so request latency is call latency and throughput follows the point.
 * - `light`: requests are answered in time and the point has room for more.
 * - `pressing`: requests arrive by a clock of their own, and wait too long or fill every instance.
 */
export type LoadKind = 'closed' | 'light' | 'pressing';

/** How far the requests outstanding may be from what the point holds under a closed loop. */
const closedTolerance = 0.05;
/** From this share on, of rows in batches and of time in instances, there is no room for more. */
const fullShare = 0.9;

/** Requests outstanding on average are throughput x latency (Little's law). */
export function loadOf(observation: Observation): LoadKind {
  const { point, slo, throughputPerS, requestLatency, batchFill, busyShare } = observation;
  const outstanding = (throughputPerS / 1000) * requestLatency.meanMs;
  const held = point.batchSize * point.instances;
  const isClosed = Math.abs(outstanding / held - 1) <= closedTolerance;
  if (isClosed && batchFill >= fullShare) return 'closed';
  const isLate = Math.max(requestLatency.p99Ms, requestLatency.atPercentileMs) > slo.limitMs;
  const isFull = batchFill >= fullShare && busyShare >= fullShare;
  return isLate || isFull ? 'pressing' : 'light';
}
