import type { OperatingPoint } from '../operating-point.ts';
import { formatPoint, sameKnobs } from '../operating-point.ts';
import type { Approach, Decision, ProfileReport } from '../scaling/scaler.ts';
import type { Slo } from '../slo.ts';
import { summarizeLatencies } from '../telemetry/latency-summary.ts';
import type { WindowReport } from './deployment.ts';
import { meanPowerWatts } from './measurement.ts';
import { steadyStretch } from './steady-state.ts';

/** One window of a run, as it is reported. */
export interface RunWindow {
  /** End of the window, in ms since the run began. */
  readonly timeMs: number;
  readonly durationMs: number;
  readonly point: OperatingPoint;
  readonly throughputPerS: number;
  /**
   * Percentiles of the requests. Of too few `calls` to claim one it is the slowest of them: in windows
   * that only measure throughput, or that end early as the SLO is broken beyond doubt.
   */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** The latency at the SLO's percentile, which the scaler controls. */
  readonly controlledMs: number;
  readonly sloLimitMs: number;
  /** Share of the requests that were answered within the limit; failed ones were not. */
  readonly sloAttainment: number;
  readonly calls: number;
  readonly batchFill: number;
  /** Mean power in the window; null where none was measured. */
  readonly powerWatts: number | null;
  readonly decision: Decision['kind'];
  readonly reason: string;
}

/**
 * - `held`: the SLO was held in steady state.
 * - `not-held`: it was not, though a lower operating point was left to go to.
 * - `infeasible`: it was not, and the scaler knows of no point that is likely to hold it.
 * - `undecided`: the run ended before anything was measured that speaks of steady state.
 */
export type Verdict = 'held' | 'not-held' | 'infeasible' | 'undecided';

/** Power in steady state. */
export interface PowerFigures {
  /** What was measured, and how. */
  readonly meter: string;
  readonly meanWatts: number;
  /** Mean power times the measured time in steady state. */
  readonly energyJoules: number;
}

/**
 * What a run found. Figures speak of steady state: from the last change of the point on. Where the point
 * went on changing they speak of about the last half, and the operating point is where most of that was spent.
 * A profiler's windows never count; where there are no others, figures are NaN.
 */
export interface RunResult {
  readonly engine: string;
  /** True when the figures come from a model of a machine rather than from one. */
  readonly simulated: boolean;
  readonly scaler: string;
  readonly approach: Approach | null;
  readonly profile: Omit<ProfileReport, 'approach'> | null;
  readonly operatingPoint: OperatingPoint;
  readonly throughputPerS: number;
  /** Null without a meter, or when it had nothing to tell in steady state. */
  readonly power: PowerFigures | null;
  /** Rows per second and watt, which is rows per joule, in steady state; null without power. */
  readonly throughputPerWatt: number | null;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Steady-state latency at the SLO's percentile. */
  readonly controlledMs: number;
  readonly slo: Slo;
  /** Share of the requests in steady state answered within the SLO's limit; failed ones were not. */
  readonly sloAttainment: number;
  readonly verdict: Verdict;
  /** False when the point was still changing near the end: figures then speak of about the last half. */
  readonly steady: boolean;
  /** Probes and moves until steady state. */
  readonly decisionsToSteady: number;
  /** Measured time in steady state, in ms. */
  readonly steadyMs: number;
  readonly durationMs: number;
  readonly requests: { readonly answered: number; readonly failed: number };
  readonly windows: readonly RunWindow[];
  /** Changes of the operating point and what they cost. */
  readonly changes: readonly PointChange[];
  /** What a reader should know, in sentences. */
  readonly notes: readonly string[];
}

export interface PointChange {
  readonly timeMs: number;
  readonly point: OperatingPoint;
  readonly tookMs: number;
}

export function describeWindow(report: WindowReport, runStartMs: number): RunWindow {
  const { sample, slo, point, decision } = report;
  const latency = summarizeLatencies([sample.requestMs], slo.percentile);
  return {
    timeMs: sample.startMs + sample.durationMs - runStartMs,
    durationMs: sample.durationMs,
    point,
    throughputPerS: (sample.rows / sample.durationMs) * 1000,
    p50Ms: latency.p50Ms,
    p95Ms: latency.p95Ms,
    p99Ms: latency.p99Ms,
    controlledMs: latency.atPercentileMs,
    sloLimitMs: slo.limitMs,
    sloAttainment: sample.withinSlo / (sample.rows + sample.errors + sample.shed),
    calls: sample.calls,
    batchFill: sample.calls === 0 ? 0 : sample.rows / (sample.calls * point.batchSize),
    powerWatts: sample.powerWatts ?? null,
    decision: decision.kind,
    reason: decision.reason,
  };
}

/** Figures of the steady stretch of a run. */
export interface SteadyFigures {
  readonly operatingPoint: OperatingPoint;
  readonly throughputPerS: number;
  readonly power: PowerFigures | null;
  readonly throughputPerWatt: number | null;
  readonly latencyMs: RunResult['latencyMs'];
  readonly controlledMs: number;
  readonly sloAttainment: number;
  readonly verdict: Verdict;
  readonly steady: boolean;
  readonly decisionsToSteady: number;
  readonly steadyMs: number;
}

/**
 * Reduces the windows of a run to its steady-state figures; all NaN without a window in that.
 *
 * @param slo in force at the end, against which the verdict is given
 * @param meter that measured power, by name
 */
export function steadyFigures(
  reports: readonly WindowReport[],
  slo: Slo,
  lastPoint: OperatingPoint,
  meter = '',
): SteadyFigures {
  const stretch = steadyStretch(reports);
  const windows = reports.slice(stretch.from);
  const latency = summarizeLatencies(
    windows.map(({ sample }) => sample.requestMs),
    slo.percentile,
  );
  const sum = (of: (report: WindowReport) => number): number =>
    windows.reduce((total, report) => total + of(report), 0);
  const steadyMs = sum(({ sample }) => sample.durationMs);
  const rows = sum(({ sample }) => sample.rows);
  const requests = rows + sum(({ sample }) => sample.errors + sample.shed);
  let within = 0;
  for (const { sample } of windows) {
    for (const latencyMs of sample.requestMs) if (latencyMs <= slo.limitMs) within += 1;
  }
  const operatingPoint = longestAt(windows) ?? lastPoint;
  const sloAttainment = within / requests;
  const wasInfeasible = windows.some(
    ({ point, decision }) => decision.infeasible === true && sameKnobs(point, operatingPoint),
  );
  const throughputPerS = (rows / steadyMs) * 1000;
  const meanWatts = meanPowerWatts(windows.map(({ sample }) => sample));
  const isMetered = meanWatts !== undefined;
  return {
    operatingPoint,
    throughputPerS,
    power: isMetered ? { meter, meanWatts, energyJoules: (meanWatts * steadyMs) / 1000 } : null,
    throughputPerWatt: isMetered ? throughputPerS / meanWatts : null,
    latencyMs: { p50: latency.p50Ms, p95: latency.p95Ms, p99: latency.p99Ms },
    controlledMs: latency.atPercentileMs,
    sloAttainment,
    verdict: verdictOf(sloAttainment, slo, wasInfeasible),
    steady: stretch.settled,
    decisionsToSteady: stretch.changesBefore,
    steadyMs,
  };
}

function verdictOf(sloAttainment: number, slo: Slo, wasInfeasible: boolean): Verdict {
  if (Number.isNaN(sloAttainment)) return 'undecided';
  if (sloAttainment >= slo.percentile) return 'held';
  return wasInfeasible ? 'infeasible' : 'not-held';
}

/** Where most of the measured time was spent; of a run that settled that is where it did. */
function longestAt(windows: readonly WindowReport[]): OperatingPoint | undefined {
  const spent = new Map<string, { readonly point: OperatingPoint; readonly ms: number }>();
  for (const { point, sample } of windows) {
    const key = formatPoint(point);
    spent.set(key, { point, ms: (spent.get(key)?.ms ?? 0) + sample.durationMs });
  }
  return [...spent.values()].sort((a, b) => b.ms - a.ms)[0]?.point;
}
