import { renderTable } from '../../src/cli/text-table.ts';
import { estimatorFor } from '../../src/estimation/index.ts';
import { sameKnobs } from '../../src/operating-point.ts';
import { createScaler } from '../../src/scaling/create-scaler.ts';
import type { RunResult } from '../../src/serving/run-result.ts';
import { findOracle } from '../../src/simulator/oracle.ts';
import { simulate } from '../../src/simulator/simulate.ts';
import { surfaceEngine } from '../../src/simulator/surface-engine.ts';
import { Surface } from '../../src/simulator/surface.ts';
import { VirtualClock } from '../../src/simulator/virtual-clock.ts';
import { makeSlo } from '../../src/slo.ts';
import { deviationsAt95, noiseSigma } from './closed-loop.ts';
import { a100Surfaces } from './surfaces.ts';

const scalers = ['dnnscaler', 'joint'];
const phaseMs = 40_000;
const sloFactor = 3;

/** A change of the world in the second of three phases, gone in the third. */
interface Change {
  readonly name: string;
  /** Multiplies service times. */
  readonly slowdown: number;
  /** Multiplies the SLO. */
  readonly slo: number;
}

const changes: readonly Change[] = [
  { name: 'service times x 1.5', slowdown: 1.5, slo: 1 },
  { name: 'SLO x 0.6', slowdown: 1, slo: 0.6 },
  { name: 'SLO x 2', slowdown: 1, slo: 2 },
  { name: 'a neighbour: service times x 1.25', slowdown: 1.25, slo: 1 },
];

/** How a scaler came back after one change. */
export interface Return {
  readonly scaler: string;
  readonly change: string;
  readonly surface: string;
  /** 1: the change; 2: back to how it was. */
  readonly phase: number;
  /** Changes of the point until it stayed within 5% of the best and within the SLO. */
  readonly decisions: number;
  /** Throughput of the last point of the phase over the best point's, by the surface. */
  readonly reached: number;
}

/** How soon the scalers are back at the best after the world changed: a table, and the figures. */
export async function reportChanges(): Promise<readonly Return[]> {
  const returns: Return[] = [];
  for (const scaler of scalers) {
    for (const change of changes) {
      for (const surface of a100Surfaces()) {
        const result = await run(scaler, surface, change);
        returns.push(
          ...[1, 2].map((phase) => ({
            scaler,
            change: change.name,
            surface: surface.network,
            phase,
            ...comeBack(result, surface, phase, change),
          })),
        );
      }
    }
  }
  const rows = scalers.flatMap((scaler) =>
    changes.map(({ name }) => {
      const own = returns.filter((r) => r.scaler === scaler && r.change === name);
      return [
        scaler,
        name,
        `${(100 * Math.min(...own.map((r) => r.reached))).toFixed(1)}%`,
        String(Math.max(...own.map((r) => r.decisions))),
      ];
    }),
  );
  const columns = [
    { heading: 'scaler' },
    { heading: 'for 40 s, and back' },
    { heading: 'least share of the new best', align: 'right' },
    { heading: 'most decisions', align: 'right' },
  ] as const;
  process.stdout.write(
    `\nAfter a change: the A100 networks, SLO ${sloFactor} times the latency at (1,1)\n\n${renderTable(columns, rows)}\n`,
  );
  return returns;
}

function run(scaler: string, surface: Surface, change: Change): Promise<RunResult> {
  const limitMs = sloFactor * surface.latencyMs(1, 1);
  const clock = new VirtualClock();
  const engine = surfaceEngine(surface, {
    clock,
    noiseSigma,
    slowdownAt: (nowMs) => (nowMs >= phaseMs && nowMs < 2 * phaseMs ? change.slowdown : 1),
  });
  return simulate({
    clock,
    engine,
    scaler: createScaler(scaler, { limits: engine.limits, estimate: estimatorFor() }),
    slo: makeSlo(limitMs),
    durationMs: 3 * phaseMs,
    arrange: (trial) => {
      for (const [atMs, factor] of [
        [phaseMs, change.slo],
        [2 * phaseMs, 1],
      ] as const) {
        clock.setTimer(atMs, () => {
          trial.deployment.setSlo(makeSlo(limitMs * factor));
        });
      }
    },
  });
}

function comeBack(
  result: RunResult,
  surface: Surface,
  phase: number,
  change: Change,
): Pick<Return, 'decisions' | 'reached'> {
  const isChanged = phase === 1;
  const limitMs = sloFactor * surface.latencyMs(1, 1) * (isChanged ? change.slo : 1);
  const slowdown = isChanged ? change.slowdown : 1;
  const slowed = new Surface(
    surface.network,
    surface.points.map((point) => ({ ...point, latencyMs: point.latencyMs * slowdown })),
  );
  const oracle = findOracle(slowed, makeSlo(limitMs), { noiseSigma });
  const perMs = (at: { batchSize: number; instances: number }): number =>
    (at.batchSize * at.instances) / surface.latencyMs(at.batchSize, at.instances);
  const best = oracle === null ? Number.NaN : perMs(oracle);
  const windows = result.windows.filter(
    ({ timeMs }) => timeMs > phase * phaseMs && timeMs <= (phase + 1) * phaseMs,
  );
  const tail = Math.exp(noiseSigma * deviationsAt95);
  const isBack = ({ point }: (typeof windows)[number]): boolean =>
    perMs(point) >= 0.95 * best &&
    slowed.latencyMs(point.batchSize, point.instances) * tail <= limitMs;
  const lastAway = windows.findLastIndex((window) => !isBack(window));
  const moves = windows
    .slice(0, lastAway + 2)
    .filter((w, i) => i > 0 && !sameKnobs(w.point, (windows[i - 1] as typeof w).point));
  const last = windows.at(-1);
  return {
    decisions: moves.length,
    reached: last === undefined ? Number.NaN : perMs(last.point) / best,
  };
}
