import type { OperatingPoint } from '../operating-point.ts';
import type { InstanceLatencyEstimator } from '../scaling/multi-tenancy.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import type { Approach, Scaler } from '../scaling/scaler.ts';
import type { RunResult } from '../serving/run-result.ts';
import { simulate } from '../simulator/simulate.ts';
import { surfaceEngine } from '../simulator/surface-engine.ts';
import type { Surface } from '../simulator/surface.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import type { Slo } from '../slo.ts';

/** How the simulated machine differs from its latencies, and for how long it runs. */
export interface JobConditions {
  readonly slo: Slo;
  readonly noiseSigma: number;
  readonly seed: number;
  readonly estimate: InstanceLatencyEstimator;
}

/** What one scaler reached on one job, in steady state. */
export interface ScalerOutcome {
  readonly approach: Approach | null;
  readonly operatingPoint: OperatingPoint;
  readonly throughputPerS: number;
  readonly p95Ms: number;
  readonly sloAttainment: number;
  /** Requests answered within the SLO, per second. */
  readonly goodputPerS: number;
  readonly verdict: RunResult['verdict'];
  /** False when the operating point never came to rest: figures are of about the last half. */
  readonly steady: boolean;
  readonly decisionsToSteady: number;
}

/** The first batch after a change took this many times as long on the P40 (BatchDVFS logs). */
export const p40FirstCallFactor = 1.55;

/** Virtual time that it takes to start instances; a resize costs time, not steady throughput. */
export const p40StartMs = 1000;

/** Long enough for two dozen windows in which p95 means something, at the slowest job's pace. */
export function durationFor(slo: Slo): number {
  return Math.max(90_000, 600 * slo.limitMs);
}

/** A simulated P40 with this surface. */
export function p40Engine(
  surface: Surface,
  clock: VirtualClock,
  { noiseSigma, seed }: Pick<JobConditions, 'noiseSigma' | 'seed'>,
): ReturnType<typeof surfaceEngine<number>> {
  return surfaceEngine(surface, {
    name: 'Tesla P40 (simulated)',
    clock,
    noiseSigma,
    seed,
    firstCallFactor: p40FirstCallFactor,
    startMs: p40StartMs,
  });
}

/** Runs one scaler on one surface in a closed loop, with everything real but engine and clock. */
export function runJob(
  surface: Surface,
  scalerName: string,
  conditions: JobConditions,
  adapt: (scaler: Scaler) => Scaler = (scaler) => scaler,
): Promise<RunResult> {
  const { slo, estimate } = conditions;
  const clock = new VirtualClock();
  const engine = p40Engine(surface, clock, conditions);
  const scaler = adapt(createScaler(scalerName, { limits: engine.limits, estimate }));
  return simulate({ clock, engine, scaler, slo, durationMs: durationFor(slo) });
}

export function outcomeOf(result: RunResult): ScalerOutcome {
  return {
    approach: result.approach,
    operatingPoint: result.operatingPoint,
    throughputPerS: result.throughputPerS,
    p95Ms: result.latencyMs.p95,
    sloAttainment: result.sloAttainment,
    goodputPerS: result.throughputPerS * result.sloAttainment,
    verdict: result.verdict,
    steady: result.steady,
    decisionsToSteady: result.decisionsToSteady,
  };
}
