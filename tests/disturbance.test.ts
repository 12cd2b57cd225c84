import { describe, expect, it } from 'vitest';
import { Random } from '../src/random.ts';
import { createScaler } from '../src/scaling/create-scaler.ts';
import { Deployment } from '../src/serving/deployment.ts';
import type { RunResult, RunWindow } from '../src/serving/run-result.ts';
import { surfaceEngine } from '../src/simulator/surface-engine.ts';
import { VirtualClock } from '../src/simulator/virtual-clock.ts';
import { makeSlo } from '../src/slo.ts';
import { poissonArrivals } from '../src/workload/arrivals.ts';
import { OpenLoop } from '../src/workload/open-loop.ts';
import type { RowSource } from '../src/workload/row-source.ts';
import { syntheticSource } from '../src/workload/row-source.ts';
import type { Machine } from './simulated-machines.ts';
import {
  a100Machines,
  bestOfKnob,
  noiseSigma,
  p40Machines,
  run,
  throughputOf,
  windowsBetween,
} from './simulated-machines.ts';

const phaseMs = 60_000;

/** How soon the SLO must hold again, and how much of the knob's best must be back by mid-phase. */
const recoveryMs = 15_000;
const recoveredShare = 0.85;

const machines = [
  ...a100Machines(),
  ...p40Machines('serial').filter(({ name }) =>
    /inception_v1 on imagenet|resnet_v2_50|nasnet_mobile|mobilenet_v1_025 on caltech/.test(name),
  ),
].map((machine) => [machine.name, machine] as const);

/** The phases of a run: 0 before the disturbance, 1 during, 2 after. */
function phase(result: RunResult, index: number, fromMs = 0): readonly RunWindow[] {
  return windowsBetween(result, index * phaseMs + fromMs, (index + 1) * phaseMs);
}

function attainmentOf(windows: readonly RunWindow[]): number {
  const rows = (window: RunWindow): number => window.throughputPerS * window.durationMs;
  const total = windows.reduce((sum, window) => sum + rows(window), 0);
  return windows.reduce((sum, window) => sum + window.sloAttainment * rows(window), 0) / total;
}

function expectRecovered(
  result: RunResult,
  machine: Machine,
  index: number,
  limitMs: number,
  slowdown: number,
): void {
  const held = phase(result, index).find(({ controlledMs }) => controlledMs <= limitMs);
  expect(held?.timeMs).toBeLessThanOrEqual(index * phaseMs + recoveryMs);
  const settled = phase(result, index, phaseMs / 2);
  expect(attainmentOf(settled)).toBeGreaterThanOrEqual(0.95);
  const best = bestOfKnob(machine, result.approach, limitMs, slowdown);
  expect(throughputOf(settled) / best).toBeGreaterThanOrEqual(recoveredShare);
}

describe.each(machines)('%s', (_name, machine) => {
  const limitMs = 3.3 * machine.surface.latencyMs(1, 1);

  it.each(['dnnscaler', 'batching', 'multi-tenancy'])(
    '%s recovers when the machine slows down by half, and when it speeds up again',
    async (scaler) => {
      const result = await run(machine, {
        scaler,
        slo: makeSlo(limitMs),
        durationMs: 3 * phaseMs,
        slowdownAt: (nowMs) => (nowMs >= phaseMs && nowMs < 2 * phaseMs ? 1.5 : 1),
      });
      expectRecovered(result, machine, 1, limitMs, 1.5);
      expectRecovered(result, machine, 2, limitMs, 1);
    },
  );

  it.each(['dnnscaler', 'batching', 'multi-tenancy'])(
    '%s follows the SLO down and up again',
    async (scaler) => {
      const lowerMs = 0.6 * limitMs;
      const result = await run(machine, {
        scaler,
        slo: makeSlo(limitMs),
        durationMs: 3 * phaseMs,
        sloSteps: [
          { atMs: phaseMs, limitMs: lowerMs },
          { atMs: 2 * phaseMs, limitMs },
        ],
      });
      expectRecovered(result, machine, 1, lowerMs, 1);
      expectRecovered(result, machine, 2, limitMs, 1);
    },
  );
});

describe('conservation', () => {
  /** A source of distinct numbers, so that each request is one of a kind. */
  function countingSource(): RowSource<number> {
    let next = 0;
    return {
      ...syntheticSource((index) => index),
      take: () => {
        next += 1;
        return next - 1;
      },
    };
  }

  it.each(Array.from({ length: 200 }, (_, i) => i + 1))(
    'seed %i: every request is answered once, with its own reply or an error',
    (seed) => {
      const random = new Random(seed);
      const pool = [...a100Machines(), ...p40Machines('serial').slice(0, 16)];
      const machine = pool[random.integer(pool.length)] as Machine;
      const { surface, estimate } = machine;
      const limitMs = surface.latencyMs(1, 1) * (1.5 + 4 * random.next());
      const clock = new VirtualClock();
      const engine = surfaceEngine(surface, {
        clock,
        noiseSigma,
        seed,
        startMs: 500 * random.next(),
        crashChance: 0.02 * random.next(),
        restartMs: 1 + 500 * random.next(),
        hangChance: 0.005 * random.next(),
        runLimitMs: 3 * limitMs,
        isDeadly: (row) => row % 97 === seed % 97,
        reachableInstances: 1 + random.integer(10),
        slowdownAt: (nowMs) => (nowMs > 5000 ? 0.5 + random.next() : 1),
      });
      const names = ['dnnscaler', 'multi-tenancy', 'batching', 'clipper', 'fixed:1,2'];
      const name = names[random.integer(names.length)] as string;
      const deployment = new Deployment<number, number>({
        engine,
        scaler: createScaler(name, { limits: engine.limits, estimate }),
        slo: makeSlo(limitMs),
        clock,
      });
      const answers: number[] = [];
      let replied = 0;
      const ratePerS = (2000 / surface.latencyMs(1, 1)) * random.next() + 1;
      const loop = new OpenLoop(
        countingSource(),
        poissonArrivals(ratePerS, random.fork()),
        clock,
        (row, settled) => {
          deployment.submit(row, (error, reply) => {
            answers[row] = (answers[row] ?? 0) + 1;
            if (error === null) {
              expect(reply).toBe(row);
              replied += 1;
            }
            settled();
          });
        },
      );
      let isDrained = false;
      deployment.start((error) => {
        expect(error).toBeNull();
        loop.start();
        clock.setTimer(4000, () => {
          deployment.setSlo(makeSlo(limitMs * (0.5 + random.next())));
        });
        clock.setTimer(2000 + 8000 * random.next(), () => {
          loop.stop();
          deployment.drain(20_000, () => {
            isDrained = true;
          });
        });
      });
      expect(clock.runWhile(() => isDrained)).toBe(true);
      expect(answers).toHaveLength(loop.submitted);
      expect(answers.every((count) => count === 1)).toBe(true);
      expect(loop.outstanding).toBe(0);
      expect(deployment.unsettled).toBe(0);
      expect(replied).toBeGreaterThan(0);
    },
  );
});
