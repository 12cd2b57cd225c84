import type { OperatingPoint } from '../../operating-point.ts';
import type { Approach, Observation } from '../../scaling/scaler.ts';
import type { RunResult } from '../../serving/run-result.ts';
import type { SurfacePoint } from '../../simulator/surface.ts';
import type { Slo } from '../../slo.ts';
import type { Yardstick } from './yardstick.ts';

/** One operating point, measured. */
export interface MeasuredPoint {
  readonly batchSize: number;
  readonly instances: number;
  readonly throughputPerS: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly calls: number;
  /** Null where none was measured. */
  readonly powerWatts: number | null;
}

/** What a scaler came to. */
export interface ScalerChoice {
  readonly approach: Approach | null;
  readonly operatingPoint: OperatingPoint;
  readonly throughputPerS: number;
  readonly p95Ms: number;
  readonly verdict: RunResult['verdict'];
  readonly steady: boolean;
  readonly decisionsToSteady: number;
  readonly powerWatts: number | null;
  readonly throughputPerWatt: number | null;
}

/** All that was found out about one network. */
export interface NetworkReport {
  readonly network: string;
  readonly engine: string;
  /** A multiple of the latency at (1,1), so that it means the same on any machine. */
  readonly slo: Slo | null;
  /** Improvements over (1,1) in percent; null where a probe was not reached in time. */
  readonly tiBatchingPercent: number | null;
  readonly tiMultiTenancyPercent: number | null;
  readonly approach: Approach | null;
  readonly points: readonly MeasuredPoint[];
  readonly choices: Readonly<Record<string, ScalerChoice>>;
  /** The highest throughput of the sweep within the SLO. */
  readonly bestOfSweep: MeasuredPoint | null;
  readonly yardstick: Yardstick;
  /** What was left out, and why, in sentences. */
  readonly dropped: readonly string[];
  /** Why the network could not be measured at all. */
  readonly skipped?: string;
}

export function measuredPoint(observation: Observation): MeasuredPoint {
  const { point, throughputPerS, requestLatency, calls, powerWatts } = observation;
  return {
    batchSize: point.batchSize,
    instances: point.instances,
    throughputPerS,
    p50Ms: requestLatency.p50Ms,
    p95Ms: requestLatency.p95Ms,
    calls,
    powerWatts: powerWatts ?? null,
  };
}

export function choiceOf(result: RunResult): ScalerChoice {
  const { approach, operatingPoint, throughputPerS, latencyMs, verdict, steady } = result;
  return {
    approach,
    operatingPoint,
    throughputPerS,
    p95Ms: latencyMs.p95,
    verdict,
    steady,
    decisionsToSteady: result.decisionsToSteady,
    powerWatts: result.power?.meanWatts ?? null,
    throughputPerWatt: result.throughputPerWatt,
  };
}

/** The knob that raised throughput more, from the points at which the profiler would look. */
export function improvements(
  points: readonly MeasuredPoint[],
): Pick<NetworkReport, 'tiBatchingPercent' | 'tiMultiTenancyPercent' | 'approach'> {
  const smallest = Math.min(...points.map(({ batchSize }) => batchSize));
  const base = points.find(({ batchSize, instances }) => batchSize === smallest && instances === 1);
  const percent = (probe: MeasuredPoint | undefined): number | null =>
    base === undefined || probe === undefined
      ? null
      : (probe.throughputPerS / base.throughputPerS - 1) * 100;
  // The paper's probes are (32,1) and (1,8); where the engine cannot go so far, the last before.
  const batched = points
    .filter(
      ({ batchSize, instances }) => instances === 1 && batchSize > smallest && batchSize <= 32,
    )
    .sort((a, b) => b.batchSize - a.batchSize)[0];
  const tenants = points
    .filter(({ batchSize, instances }) => batchSize === smallest && instances > 1 && instances <= 8)
    .sort((a, b) => b.instances - a.instances)[0];
  const tiBatchingPercent = percent(batched);
  const tiMultiTenancyPercent = percent(tenants);
  const approach =
    tiBatchingPercent === null && tiMultiTenancyPercent === null
      ? null
      : (tiBatchingPercent ?? -100) > (tiMultiTenancyPercent ?? -100)
        ? 'batching'
        : 'multi-tenancy';
  return { tiBatchingPercent, tiMultiTenancyPercent, approach };
}

export function bestWithin(points: readonly MeasuredPoint[], slo: Slo): MeasuredPoint | null {
  return points
    .filter(({ p95Ms }) => p95Ms <= slo.limitMs)
    .reduce<MeasuredPoint | null>(
      (best, point) => (best === null || point.throughputPerS > best.throughputPerS ? point : best),
      null,
    );
}

/** As the simulator reads it: the latency that makes throughput = instances x batch / latency. */
export function surfacePoints(points: readonly MeasuredPoint[]): readonly SurfacePoint[] {
  return points.map(({ batchSize, instances, throughputPerS, powerWatts }) => ({
    batchSize,
    instances,
    latencyMs: (1000 * batchSize * instances) / throughputPerS,
    ...(powerWatts !== null && { powerWatts }),
  }));
}
