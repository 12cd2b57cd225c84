import { estimatorFor } from '../../src/estimation/index.ts';
import type { OperatingPoint } from '../../src/operating-point.ts';
import { formatPoint } from '../../src/operating-point.ts';
import { createScaler } from '../../src/scaling/create-scaler.ts';
import { simulate } from '../../src/simulator/simulate.ts';
import { findOracle } from '../../src/simulator/oracle.ts';
import { surfaceEngine } from '../../src/simulator/surface-engine.ts';
import type { Surface } from '../../src/simulator/surface.ts';
import { VirtualClock } from '../../src/simulator/virtual-clock.ts';
import { makeSlo } from '../../src/slo.ts';

/** Sigma of the lognormal noise on every call. */
export const noiseSigma = 0.05;

/** The 95th percentile of a normal distribution. */
export const deviationsAt95 = 1.6449;

/** What a scaler found on one surface under one SLO. */
export interface Outcome {
  readonly surface: string;
  /** The SLO over the latency at (1,1). */
  readonly sloFactor: number;
  readonly scaler: string;
  readonly seed: number;
  readonly point: OperatingPoint;
  readonly oracle: OperatingPoint;
  /** Throughput of the point, by the surface itself, over the oracle's; 0 where it breaks the SLO. */
  readonly reached: number;
  readonly decisions: number;
  /** Windows in steady state, and those whose latency at the SLO's percentile was within it. */
  readonly windows: number;
  readonly windowsWithin: number;
  /** Virtual time until the last change of the point, in ms. */
  readonly searchMs: number;
  /** Different points in effect at some time, of so many that the surface has. */
  readonly pointsSeen: number;
  readonly pointsInAll: number;
  /** The highest latency of a probe over the SLO, by the surface itself. */
  readonly worstProbe: number;
}

export interface Case {
  readonly surface: Surface;
  readonly sloFactor: number;
  readonly seed: number;
}

const leastMs = 40_000;
/** Windows of a slow point are long: a run lasts this many times the SLO at least. */
const leastSlos = 1200;

/** Runs a scaler on a surface; undefined where no point holds the SLO. */
export async function runCase(scaler: string, run: Case): Promise<Outcome | undefined> {
  const { surface, sloFactor, seed } = run;
  const slo = makeSlo(sloFactor * surface.latencyMs(1, 1));
  const oracle = findOracle(surface, slo, { noiseSigma });
  if (oracle === null) return undefined;
  const clock = new VirtualClock();
  const engine = surfaceEngine(surface, { clock, seed, noiseSigma });
  const result = await simulate({
    clock,
    engine,
    scaler: createScaler(scaler, { limits: engine.limits, estimate: estimatorFor() }),
    slo,
    durationMs: Math.max(leastMs, leastSlos * slo.limitMs),
  });
  const point = result.operatingPoint;
  const tail = Math.exp(noiseSigma * deviationsAt95);
  const p95Ms = (at: OperatingPoint): number =>
    surface.latencyMs(at.batchSize, at.instances) * tail;
  const perMs = (at: OperatingPoint): number => (at.batchSize * at.instances) / p95Ms(at);
  const searchMs = result.changes.at(-1)?.timeMs ?? 0;
  const steady = result.windows.filter(({ timeMs }) => timeMs > searchMs);
  const { minBatchSize, maxBatchSize, maxInstances } = engine.limits;
  return {
    surface: surface.network,
    sloFactor,
    scaler,
    seed,
    point,
    oracle: { batchSize: oracle.batchSize, instances: oracle.instances },
    reached: p95Ms(point) <= slo.limitMs ? perMs(point) / perMs(oracle) : 0,
    decisions: result.decisionsToSteady,
    windows: steady.length,
    windowsWithin: steady.filter(({ controlledMs }) => controlledMs <= slo.limitMs).length,
    searchMs,
    pointsSeen: new Set(result.windows.map((window) => formatPoint(window.point))).size,
    pointsInAll: (maxBatchSize - minBatchSize + 1) * maxInstances,
    worstProbe: Math.max(...result.changes.map((change) => p95Ms(change.point) / slo.limitMs)),
  };
}
