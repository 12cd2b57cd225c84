import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { createScaler } from './create-scaler.ts';
import type { Objective } from './objective.ts';
import { parseObjective } from './objective.ts';
import { describeProfile } from './profiler.ts';
import type { Law } from './test-support.ts';
import {
  Rehearsal,
  linearLaw,
  movesIn,
  observationOf,
  timeSlicedLaw,
  timeSlicingEstimate,
} from './test-support.ts';
import { Valuation } from './valuation.ts';

/** 50 W at rest, and so much more with every row of a batch and every further instance. */
const powerOf =
  (perRowWatts: number, perInstanceWatts: number): Law =>
  (batchSize, instances) =>
    50 + perRowWatts * batchSize + perInstanceWatts * (instances - 1);

interface Scene {
  readonly scaler: string;
  readonly law: Law;
  readonly watts: Law;
  readonly limitMs: number;
}

function settle(scene: Scene, objective: Objective): Rehearsal {
  const limits = paperLimits;
  const scaler = createScaler(scene.scaler, { limits, estimate: timeSlicingEstimate, objective });
  const slo = makeSlo(scene.limitMs);
  const rehearsal = new Rehearsal(scaler, { law: scene.law, slo, wattsOf: scene.watts });
  rehearsal.play(24);
  return rehearsal;
}

function rowsPerJoule({ law, watts }: Scene, batchSize: number, instances: number): number {
  return (1000 * batchSize * instances) / law(batchSize, instances) / watts(batchSize, instances);
}

describe('parseObjective', () => {
  it('takes the two names only', () => {
    expect(parseObjective('throughput-per-watt', 'x')).toBe('throughput-per-watt');
    expect(() => parseObjective('watts', '--objective')).toThrow(
      /--objective must be one of throughput, throughput-per-watt; received "watts"/,
    );
  });
});

describe('throughput per watt', () => {
  const scenes: readonly Scene[] = [
    { scaler: 'batching', law: linearLaw(20, 0.5), watts: powerOf(1.5, 0), limitMs: 100 },
    { scaler: 'multi-tenancy', law: timeSlicedLaw(10, 16), watts: powerOf(0, 30), limitMs: 60 },
    { scaler: 'joint', law: linearLaw(20, 0.5), watts: powerOf(1.5, 40), limitMs: 100 },
    {
      scaler: 'joint',
      law: (b, n) => Math.max(20 + 0.5 * b, n * 0.5 * b),
      watts: powerOf(0.4, 60),
      limitMs: 100,
    },
  ];

  it.each(scenes)('$scaler finds more rows per joule than for throughput alone', (scene) => {
    const best = Math.max(
      ...Array.from({ length: paperLimits.maxInstances }, (_, i) => i + 1)
        .filter((n) => scene.scaler !== 'batching' || n === 1)
        .flatMap((n) =>
          Array.from({ length: paperLimits.maxBatchSize }, (_, i) => i + 1)
            .filter((b) => scene.scaler !== 'multi-tenancy' || b === 1)
            .filter((b) => scene.law(b, n) <= scene.limitMs)
            .map((b) => rowsPerJoule(scene, b, n)),
        ),
    );
    const fast = settle(scene, 'throughput').point;
    const thrifty = settle(scene, 'throughput-per-watt');
    const reached = rowsPerJoule(scene, thrifty.point.batchSize, thrifty.point.instances);
    expect(reached).toBeGreaterThan(1.03 * rowsPerJoule(scene, fast.batchSize, fast.instances));
    expect(reached / best).toBeGreaterThanOrEqual(0.9);
    expect(movesIn(thrifty.play(6))).toBe(0);
  });

  it.each(scenes)(
    '$scaler decides as for throughput where power is the same everywhere',
    (scene) => {
      // A start from below is one more way to the same point, so only where it ends is compared.
      const flat = { ...scene, watts: () => 70 };
      const fast = settle(flat, 'throughput').point;
      const thrifty = settle(flat, 'throughput-per-watt').point;
      expect(rowsPerJoule(flat, thrifty.batchSize, thrifty.instances)).toBeGreaterThanOrEqual(
        0.95 * rowsPerJoule(flat, fast.batchSize, fast.instances),
      );
    },
  );

  it.each(scenes)('$scaler goes on by throughput where no power is measured', (scene) => {
    const blind = { ...scene, watts: () => Number.NaN };
    const { point, steps } = settle(blind, 'throughput-per-watt');
    expect(steps.every(({ observation }) => observation.powerWatts === undefined)).toBe(true);
    expect(scene.law(point.batchSize, point.instances)).toBeLessThanOrEqual(scene.limitMs);
    expect(point.batchSize * point.instances).toBeGreaterThan(1);
  });

  it('chooses the approach by rows per joule, and says so', () => {
    // Eight instances answer more, but draw so much that the larger batch is the thriftier one.
    const law: Law = (b, n) => (n === 1 ? 10 + 5 * (b - 1) : 10);
    const watts = powerOf(0, 100);
    const limits = paperLimits;
    const context = { limits, estimate: timeSlicingEstimate };
    for (const [objective, approach] of [
      ['throughput', 'multi-tenancy'],
      ['throughput-per-watt', 'batching'],
    ] as const) {
      const scaler = createScaler('dnnscaler', { ...context, objective });
      new Rehearsal(scaler, { law, slo: makeSlo(1000), wattsOf: watts }).play(3);
      expect(scaler.approach).toBe(approach);
      expect(scaler.profile?.tiMultiTenancyPercent).toBeCloseTo(700);
      expect(scaler.profile?.perWatt === undefined).toBe(objective === 'throughput');
      if (scaler.profile?.perWatt !== undefined) {
        expect(describeProfile(scaler.profile)).toMatch(
          /^Batching \+\d+% rows per joule against Multi-Tenancy -47% over one instance/,
        );
      }
    }
  });

  it('never trades the SLO for rows per joule', () => {
    const watts: Law = (b, n) => 500 / (b * n);
    for (const scaler of ['batching', 'multi-tenancy', 'joint', 'dnnscaler']) {
      const law = linearLaw(20, 0.5);
      const { point } = settle({ scaler, law, watts, limitMs: 60 }, 'throughput-per-watt');
      expect(law(point.batchSize, point.instances)).toBeLessThanOrEqual(60);
    }
  });
});

describe('Valuation', () => {
  const slo = makeSlo(50);

  it('counts every point as 1 for throughput, whatever was measured', () => {
    const valuation = new Valuation();
    valuation.learn(observationOf({ batchSize: 4, instances: 1 }, slo, { powerWatts: 90 }));
    expect(valuation.divisorAt(4, 1)).toBe(1);
  });

  it('gives back what was measured, averaged over the time at a point', () => {
    const valuation = new Valuation('throughput-per-watt');
    const point = { batchSize: 4, instances: 2 };
    expect(valuation.divisorAt(4, 2)).toBe(1);
    valuation.learn(observationOf(point, slo, { powerWatts: 90, durationMs: 1000 }));
    valuation.learn(observationOf(point, slo, { durationMs: 1000 }));
    expect(valuation.divisorAt(4, 2)).toBe(90);
    valuation.learn(observationOf(point, slo, { powerWatts: 150, durationMs: 2000 }));
    expect(valuation.divisorAt(4, 2)).toBeCloseTo(130);
  });

  it('estimates other points between sensible bounds, and better with every reading', () => {
    const law: Law = (b, n) => 60 * b ** 0.2 * n ** 0.3;
    const valuation = new Valuation('throughput-per-watt');
    const errorAt = (b: number, n: number): number =>
      Math.abs(valuation.divisorAt(b, n) / law(b, n) - 1);
    const learn = (batchSize: number, instances: number): void => {
      const powerWatts = law(batchSize, instances);
      valuation.learn(observationOf({ batchSize, instances }, slo, { powerWatts }));
    };
    learn(1, 1);
    expect(valuation.divisorAt(64, 4)).toBeCloseTo(60);
    const first = errorAt(64, 4);
    learn(32, 1);
    learn(1, 8);
    learn(16, 3);
    expect(errorAt(64, 4)).toBeLessThan(first / 4);
  });

  it('is always finite and over 0', () => {
    const reading = fc.record({
      batchSize: fc.integer({ min: 1, max: 128 }),
      instances: fc.integer({ min: 1, max: 10 }),
      watts: fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 40 }), reading, (readings, at) => {
        const valuation = new Valuation('throughput-per-watt');
        for (const { watts, ...point } of readings) {
          valuation.learn(observationOf(point, slo, { powerWatts: watts }));
        }
        const divisor = valuation.divisorAt(at.batchSize, at.instances);
        expect(divisor).toBeGreaterThan(0);
        expect(divisor).toBeLessThan(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 200 },
    );
  });
});
