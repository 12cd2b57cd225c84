import { createScaler } from '../scaling/create-scaler.ts';
import type { WindowReport } from '../serving/deployment.ts';
import type { RunWindow } from '../serving/run-result.ts';
import { describeWindow } from '../serving/run-result.ts';
import type { Surface } from '../simulator/surface.ts';
import { simulateTraffic } from '../simulator/traffic.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import type { Slo } from '../slo.ts';
import type { JobConditions } from './run-job.ts';
import { p40Engine } from './run-job.ts';

/** One stretch of a run under one SLO. */
export interface SloPhase {
  readonly limitMs: number;
  /** Since the run began, in ms. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly requests: number;
  /** Requests answered in this phase that took longer than its SLO. */
  readonly requestsOverSlo: number;
  /** Throughput over the second half of the phase. */
  readonly finalThroughputPerS: number;
  /**
   * From the step to the end of the first window that holds the SLO with at least 90% of the
   * phase's final throughput, in ms; null when there is none.
   */
  readonly recoveryMs: number | null;
}

export interface SloStepRun {
  readonly scaler: string;
  /** Before the step, after the step down, after the step up. */
  readonly phases: readonly SloPhase[];
  readonly windows: readonly RunWindow[];
}

/** The SLO after the step down, as a share of the job's. */
export const stepDownShare = 0.6;

/** Share of the final throughput at which a scaler counts as recovered. */
const recoveredShare = 0.9;

/** Virtual time of each phase: long enough for the slowest search to end. */
function phaseMsFor(slo: Slo): number {
  return Math.max(45_000, 400 * slo.limitMs);
}

/** Runs a scaler while the job's SLO steps down and up again. */
export function runSloStep(
  surface: Surface,
  scalerName: string,
  conditions: JobConditions,
): SloStepRun {
  const { slo, estimate } = conditions;
  const phaseMs = phaseMsFor(slo);
  const lower: Slo = { ...slo, limitMs: slo.limitMs * stepDownShare };
  const slos: readonly Slo[] = [slo, lower, slo];
  const clock = new VirtualClock();
  const engine = p40Engine(surface, clock, conditions);
  const reports: WindowReport[] = [];
  const counts = slos.map(() => ({ requests: 0, over: 0 }));
  const phaseAt = (timeMs: number): number =>
    Math.min(Math.floor((timeMs - startMs) / phaseMs), slos.length - 1);
  let startMs = Number.NaN;

  simulateTraffic({
    clock,
    engine,
    scaler: createScaler(scalerName, { limits: engine.limits, estimate }),
    slo,
    durationMs: slos.length * phaseMs,
    listener: {
      onWindow: (report) => reports.push(report),
    },
    onStart: (deployment) => {
      startMs = clock.nowMs();
      slos.forEach((next, i) => {
        clock.setTimer(i * phaseMs, () => {
          deployment.setSlo(next);
        });
      });
    },
    onAnswer: (nowMs, latencyMs) => {
      const phase = phaseAt(nowMs);
      const count = counts[phase] as (typeof counts)[0];
      count.requests += 1;
      if (latencyMs > (slos[phase] as Slo).limitMs) count.over += 1;
    },
  });

  const windows = reports.map((report) => describeWindow(report, startMs));
  const phases = slos.map(({ limitMs }, i): SloPhase => {
    const span = { fromMs: i * phaseMs, toMs: (i + 1) * phaseMs };
    const { requests, over } = counts[i] as (typeof counts)[0];
    const finalThroughputPerS = throughputBetween(windows, span.toMs - phaseMs / 2, span.toMs);
    const recovered = windows.find(
      (window) =>
        window.timeMs - window.durationMs >= span.fromMs &&
        window.timeMs <= span.toMs &&
        window.controlledMs <= limitMs &&
        window.throughputPerS >= recoveredShare * finalThroughputPerS,
    );
    return {
      limitMs,
      ...span,
      requests,
      requestsOverSlo: over,
      finalThroughputPerS,
      recoveryMs: recovered === undefined ? null : recovered.timeMs - span.fromMs,
    };
  });
  return { scaler: scalerName, phases, windows };
}

/** Rows per second over the windows that ended in a span of time. */
function throughputBetween(windows: readonly RunWindow[], fromMs: number, toMs: number): number {
  let rows = 0;
  let durationMs = 0;
  for (const window of windows) {
    if (window.timeMs < fromMs || window.timeMs > toMs) continue;
    rows += (window.throughputPerS * window.durationMs) / 1000;
    durationMs += window.durationMs;
  }
  return (rows / durationMs) * 1000;
}
