import { describe, expect, it } from 'vitest';
import { Random } from '../src/random.ts';
import { createScaler } from '../src/scaling/create-scaler.ts';
import { findOracle } from '../src/simulator/oracle.ts';
import { surfaceEngine } from '../src/simulator/surface-engine.ts';
import { Surface } from '../src/simulator/surface.ts';
import { simulateTraffic } from '../src/simulator/traffic.ts';
import { VirtualClock } from '../src/simulator/virtual-clock.ts';
import type { Slo } from '../src/slo.ts';
import { makeSlo } from '../src/slo.ts';
import type { Arrivals } from '../src/workload/arrivals.ts';
import { poissonArrivals } from '../src/workload/arrivals.ts';
import { madeUpSurface } from '../bench/scalers/surfaces.ts';
import type { Machine } from './simulated-machines.ts';
import { a100Machines, noiseSigma, run } from './simulated-machines.ts';

/** Throughput at a point, by the surface itself, over the oracle's within the SLO. */
function shareOfOracle(
  surface: Surface,
  slo: Slo,
  point: { readonly batchSize: number; readonly instances: number },
): number {
  const oracle = findOracle(surface, slo, { noiseSigma });
  if (oracle === null) return Number.NaN;
  const perMs = (at: typeof point): number =>
    (at.batchSize * at.instances) / surface.latencyMs(at.batchSize, at.instances);
  return perMs(point) / perMs(oracle);
}

const [mobilenet, resnet50, , densenet169, vgg19] = a100Machines() as [
  Machine,
  Machine,
  Machine,
  Machine,
  Machine,
];

describe.each([
  [mobilenet, 3],
  [resnet50, 1.5],
  [resnet50, 8],
  [vgg19, 3],
])('joint', (machine, factor) => {
  const { surface } = machine;
  const slo = makeSlo(factor * surface.latencyMs(1, 1));

  it(`finds the best of both knobs: ${machine.name}, SLO ${factor} x`, async () => {
    const result = await run(machine, { scaler: 'joint', slo, durationMs: 30_000 });
    expect(shareOfOracle(surface, slo, result.operatingPoint)).toBeGreaterThan(0.92);
    expect(result.verdict).toBe('held');
    expect(result.decisionsToSteady).toBeLessThanOrEqual(14);
    const late = result.changes.filter(({ timeMs }) => timeMs > 20_000);
    expect(late).toHaveLength(0);
  });
});

it.each(['flat', 'serial', 'memory limit', 'company helps'] as const)(
  'joint comes to rest within the SLO on a surface of another shape: %s',
  async (shape) => {
    const surface = madeUpSurface(shape, 2);
    const slo = makeSlo(3 * surface.latencyMs(1, 1));
    const machine = { ...mobilenet, surface };
    const result = await run(machine, { scaler: 'joint', slo, durationMs: 1200 * slo.limitMs });
    expect(result.verdict).toBe('held');
    expect(shareOfOracle(surface, slo, result.operatingPoint)).toBeGreaterThan(0.85);
    const late = result.changes.filter(({ timeMs }) => timeMs > 0.7 * result.durationMs);
    expect(late).toHaveLength(0);
  },
);

it('joint makes do with the instances that really start', async () => {
  const { surface } = mobilenet;
  const slo = makeSlo(3 * surface.latencyMs(1, 1));
  const result = await run(mobilenet, {
    scaler: 'joint',
    slo,
    durationMs: 30_000,
    reachableInstances: 2,
  });
  const within = new Surface(
    surface.network,
    surface.points.filter(({ instances }) => instances <= 2),
  );
  expect(shareOfOracle(within, slo, result.operatingPoint)).toBeGreaterThan(0.92);
});

/** Requests answered in time, from 10 s on, by `scaler` and by the best fixed point. */
function servedInTime(
  { surface, estimate }: Machine,
  arrivalsOf: (oraclePerS: number, clock: VirtualClock) => Arrivals,
  durationMs: number,
): { joint: number; fixed: number } {
  const slo = makeSlo(3 * surface.latencyMs(1, 1));
  const oracle = findOracle(surface, slo, { noiseSigma });
  if (oracle === null) throw new Error('no point holds the SLO');
  const goodput = (scaler: string): number => {
    const clock = new VirtualClock();
    const engine = surfaceEngine(surface, { clock, noiseSigma });
    let within = 0;
    simulateTraffic({
      clock,
      engine,
      scaler: createScaler(scaler, { limits: engine.limits, estimate }),
      slo,
      durationMs,
      arrivals: arrivalsOf(oracle.throughputPerS, clock),
      onAnswer: (nowMs, latencyMs) => {
        if (nowMs > 10_000 && latencyMs <= slo.limitMs) within += 1;
      },
    });
    return within;
  };
  return {
    joint: goodput('joint'),
    fixed: goodput(`fixed:${oracle.batchSize},${oracle.instances}`),
  };
}

it('joint serves what arrives as well as the best fixed point, from a cold start on', () => {
  const poisson = (perS: number) => poissonArrivals(0.6 * perS, new Random(1));
  const { joint, fixed } = servedInTime(resnet50, poisson, 30_000);
  expect(joint / fixed).toBeGreaterThan(0.97);
});

it('joint goes back to where bursts were answered in time, and stays there', () => {
  const bursts = (perS: number, clock: VirtualClock): Arrivals => {
    const random = new Random(1);
    const share = (): number => (clock.nowMs() % 10_000 > 5000 ? 0.8 : 0.16);
    return { nextGapMs: () => random.exponential(1000 / (share() * perS)) };
  };
  const { joint, fixed } = servedInTime(densenet169, bursts, 60_000);
  expect(joint / fixed).toBeGreaterThan(0.97);
});
