import { readFileSync } from 'node:fs';
import { estimatorWithout } from '../src/experiments/estimator-without.ts';
import { loadP40Tables } from '../src/experiments/paper-data.ts';
import type { InstanceLatencyEstimator } from '../src/scaling/multi-tenancy.ts';
import { estimatorFor } from '../src/estimation/index.ts';
import { createScaler } from '../src/scaling/create-scaler.ts';
import type { Approach } from '../src/scaling/scaler.ts';
import type { RunResult, RunWindow } from '../src/serving/run-result.ts';
import { P40 } from '../src/simulator/p40.ts';
import type { Preprocessing } from '../src/simulator/p40-surface.ts';
import { p40Surface } from '../src/simulator/p40-surface.ts';
import { findOracle } from '../src/simulator/oracle.ts';
import { simulate } from '../src/simulator/simulate.ts';
import type { Imperfections } from '../src/simulator/simulated-engine.ts';
import { parseSurfaces } from '../src/simulator/surface-csv.ts';
import { surfaceEngine } from '../src/simulator/surface-engine.ts';
import { Surface } from '../src/simulator/surface.ts';
import { VirtualClock } from '../src/simulator/virtual-clock.ts';
import type { Slo } from '../src/slo.ts';
import { makeSlo } from '../src/slo.ts';

/** A network on a machine whose latencies were measured. */
export interface Machine {
  readonly name: string;
  readonly surface: Surface;
  readonly estimate: InstanceLatencyEstimator;
}

const tables = loadP40Tables();
const p40 = new P40(tables);

/** Every measured row of the P40. */
export function p40Machines(preprocessing: Preprocessing): readonly Machine[] {
  return tables.instanceRows.map(({ network, dataset }) => ({
    name: `P40, ${network} on ${dataset}, ${preprocessing} preprocessing`,
    surface: p40Surface(p40.curvesOf(network, dataset), preprocessing),
    estimate: estimatorWithout(tables, network),
  }));
}

/** Every network of the A100 table. */
export function a100Machines(): readonly Machine[] {
  const text = readFileSync(new URL('../data/a100-surface.csv', import.meta.url), 'utf8');
  return [...parseSurfaces(text, 'a100-surface.csv').values()].map((surface) => ({
    name: `A100, ${surface.network}`,
    surface,
    estimate: estimatorFor(),
  }));
}

export const noiseSigma = 0.05;

export interface Scenario extends Imperfections<number> {
  readonly scaler: string;
  readonly slo: Slo;
  readonly durationMs: number;
  readonly seed?: number;
  /** New limits of the SLO, by virtual time in ms. */
  readonly sloSteps?: readonly { readonly atMs: number; readonly limitMs: number }[];
}

export function run(machine: Machine, scenario: Scenario): Promise<RunResult> {
  const { scaler, slo, durationMs, seed = 1, sloSteps = [], ...imperfections } = scenario;
  const clock = new VirtualClock();
  const engine = surfaceEngine(machine.surface, {
    clock,
    seed,
    noiseSigma,
    firstCallFactor: 1.5,
    startMs: 200,
    ...imperfections,
  });
  return simulate({
    clock,
    engine,
    scaler: createScaler(scaler, { limits: engine.limits, estimate: machine.estimate }),
    slo,
    durationMs,
    arrange: (trial) => {
      for (const { atMs, limitMs } of sloSteps) {
        clock.setTimer(atMs, () => {
          trial.deployment.setSlo(makeSlo(limitMs, slo.percentile));
        });
      }
    },
  });
}

/** The best throughput that one knob gives within an SLO, on a machine slowed down by a factor. */
export function bestOfKnob(
  { surface }: Machine,
  approach: Approach | null,
  limitMs: number,
  slowdown = 1,
): number {
  const points = surface.points
    .filter(({ batchSize, instances }) =>
      approach === 'multi-tenancy' ? batchSize === 1 && instances <= 10 : instances === 1,
    )
    .map((point) => ({ ...point, latencyMs: point.latencyMs * slowdown }));
  const alongKnob = new Surface(surface.network, points);
  const slo = makeSlo(limitMs);
  return findOracle(alongKnob, slo, { noiseSigma })?.throughputPerS ?? Number.NaN;
}

/** Windows that began and ended within a span of virtual time. */
export function windowsBetween(
  { windows }: RunResult,
  fromMs: number,
  toMs: number,
): readonly RunWindow[] {
  return windows.filter(
    ({ timeMs, durationMs }) => timeMs - durationMs >= fromMs && timeMs <= toMs,
  );
}

/** Rows per second over some windows. */
export function throughputOf(windows: readonly RunWindow[]): number {
  const rows = windows.reduce((sum, w) => sum + w.throughputPerS * w.durationMs, 0);
  return rows / windows.reduce((sum, w) => sum + w.durationMs, 0);
}
