import type { OperatingPoint } from '../../src/operating-point.ts';
import { sameKnobs } from '../../src/operating-point.ts';
import { Random } from '../../src/random.ts';
import type { Observation, Scaler } from '../../src/scaling/scaler.ts';
import { Measurement, defaultWindowPolicy } from '../../src/serving/measurement.ts';
import type { Surface } from '../../src/simulator/surface.ts';
import type { Slo } from '../../src/slo.ts';

export interface QuickWindow {
  readonly point: OperatingPoint;
  readonly timeMs: number;
  /** Latency at the SLO's percentile in this window alone, in ms. */
  readonly controlledMs: number;
  readonly limitMs: number;
  readonly reason: string;
}

export interface QuickOptions {
  readonly surface: Surface;
  readonly scaler: Scaler;
  readonly seed: number;
  readonly noiseSigma: number;
  readonly durationMs: number;
  sloAt(nowMs: number): Slo;
  readonly slowdownAt?: (nowMs: number) => number;
  /** Added to a call. */
  readonly pauseMs?: (nowMs: number) => number;
}

/**
 * A closed loop reduced to its calls: every instance always runs a full batch, so that the rows need
 * no queue. Ten times as fast as the simulator and with the deployment's own windows; for surveys
 * of hundreds of surfaces, whose worst cases the simulator then repeats.
 */
export function quickLoop(options: QuickOptions): readonly QuickWindow[] {
  const { surface, scaler, noiseSigma, durationMs } = options;
  const { slowdownAt = () => 1, pauseMs = () => 0 } = options;
  const random = new Random(options.seed);
  const windows: QuickWindow[] = [];
  let point = surface.reach(scaler.first());
  let nowMs = 0;
  let measurement = new Measurement(point, defaultWindowPolicy, nowMs, point.instances);
  while (nowMs < durationMs) {
    const { batchSize, instances } = point;
    const tookMs =
      surface.latencyMs(batchSize, instances) *
        slowdownAt(nowMs) *
        Math.exp(noiseSigma * random.normal()) +
      pauseMs(nowMs);
    nowMs += tookMs / instances;
    const startedMs = nowMs - tookMs;
    // One row stands for the batch: all of its rows take equally long.
    measurement.recordCall(startedMs, nowMs, 1, () => startedMs);
    const slo = options.sloAt(nowMs);
    if (!measurement.isComplete(nowMs, slo, scaler.wants)) continue;
    const sample = measurement.close(nowMs, slo);
    const decision = scaler.decide(inRows(measurement.observe(slo), batchSize));
    windows.push({
      point,
      timeMs: nowMs,
      controlledMs: percentileOf(sample.requestMs, slo.percentile),
      limitMs: slo.limitMs,
      reason: decision.reason,
    });
    if (sameKnobs(decision.point, point)) continue;
    point = surface.reach(decision.point);
    measurement = new Measurement(point, defaultWindowPolicy, nowMs, point.instances);
  }
  return windows;
}

/** Changes of the operating point. */
export function movesOf(windows: readonly QuickWindow[]): number {
  return windows.filter(
    ({ point }, i) => i > 0 && !sameKnobs(point, windows[i - 1]?.point ?? point),
  ).length;
}

function inRows(observation: Observation, batchSize: number): Observation {
  const newest = observation.newestWindow;
  return {
    ...observation,
    rows: observation.rows * batchSize,
    throughputPerS: observation.throughputPerS * batchSize,
    arrivals: observation.rows * batchSize,
    batchFill: 1,
    ...(newest && { newestWindow: { ...newest, rows: newest.rows * batchSize } }),
  };
}

function percentileOf(values: Float64Array, share: number): number {
  const sorted = values.toSorted();
  return sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)] as number;
}
