import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { DnnScaler } from './dnnscaler.ts';
import type { Law } from './test-support.ts';
import {
  Rehearsal,
  exhaustiveBest,
  linearLaw,
  movesIn,
  timeSlicedLaw,
  timeSlicingEstimate,
} from './test-support.ts';

const rehearse = (
  law: Law,
  limitMs: number,
  limits: KnobLimits = paperLimits,
): { scaler: DnnScaler; rehearsal: Rehearsal } => {
  const scaler = new DnnScaler(limits, timeSlicingEstimate);
  return { scaler, rehearsal: new Rehearsal(scaler, { law, slo: makeSlo(limitMs) }) };
};

describe('DnnScaler', () => {
  it('probes first, tells its verdict, then scales the better knob', () => {
    const { scaler, rehearsal } = rehearse(linearLaw(20, 0.5), 60);
    expect(scaler).toMatchObject({ approach: null, profile: null, wants: 'throughput' });
    const kinds = rehearsal.play(3).map(({ decision }) => decision.kind);
    expect(kinds).toEqual(['probe', 'probe', 'move']);
    expect(rehearsal.steps[0]?.decision.reason).toBe(
      'measured batch 1 x 1 instance: probe batch 32 x 1 instance',
    );
    expect(scaler).toMatchObject({ approach: 'batching', wants: 'percentile' });
    expect(scaler.profile?.probes).toHaveLength(3);
    expect(rehearsal.steps[2]?.decision.reason).toMatch(
      /^Batching: TI_B \+1722% against TI_MT \+0% over 48\.8\/s .*: start at batch 80 x 1 instance$/,
    );
  });

  it('asks once more for a probe that was not reached, and gives a verdict by what was', () => {
    let misses = 0;
    const law = timeSlicedLaw(10, 24);
    const play = (most: number): DnnScaler => {
      misses = 0;
      const scaler = new DnnScaler(paperLimits, timeSlicingEstimate);
      const reach = ({ batchSize, instances }: OperatingPoint): OperatingPoint => {
        const isMiss = instances > 1 && misses < most;
        if (isMiss) misses += 1;
        return { batchSize, instances: isMiss ? 1 : instances };
      };
      new Rehearsal(scaler, { law, slo: makeSlo(60), reach }).play(5);
      return scaler;
    };
    expect(play(1).profile?.tiMultiTenancyPercent).toBeGreaterThan(200);
    expect(play(1).approach).toBe('multi-tenancy');
    expect(play(2).profile?.probes[2]?.point).toEqual({ batchSize: 1, instances: 1 });
    expect(play(2).profile?.tiMultiTenancyPercent).toBe(0);
  });

  it.each([
    ['batching', linearLaw(20, 0.5)],
    ['multi-tenancy', timeSlicedLaw(10, 24)],
  ] as const)(
    'chooses %s where it pays, and keeps the other knob at its lowest',
    (approach, law) => {
      const { scaler, rehearsal } = rehearse(law, 60);
      rehearsal.play(20);
      expect(scaler.approach).toBe(approach);
      const settled = rehearsal.play(10);
      expect(movesIn(settled)).toBe(0);
      const other = approach === 'batching' ? 'instances' : 'batchSize';
      expect(rehearsal.point[other]).toBe(1);
    },
  );

  it('finds at least 90% of the best throughput of the knob it chose', () => {
    const scenes = fc.record({
      fixedMs: fc.double({ min: 0, max: 50, noNaN: true }),
      perRowMs: fc.double({ min: 0.05, max: 5, noNaN: true }),
      crowding: fc.double({ min: 0.1, max: 1, noNaN: true }),
      slack: fc.double({ min: 1.01, max: 50, noNaN: true }),
    });
    fc.assert(
      fc.property(scenes, ({ fixedMs, perRowMs, crowding, slack }) => {
        const law: Law = (batchSize, instances) =>
          (fixedMs + perRowMs * batchSize) * Math.max(1, instances * crowding);
        const limitMs = law(1, 1) * slack;
        const { scaler, rehearsal } = rehearse(law, limitMs);
        rehearsal.play(20);
        const knob = scaler.approach === 'batching' ? 'batchSize' : 'instances';
        const best = exhaustiveBest(law, knob, limitMs, knob === 'batchSize' ? 128 : 10);
        const { batchSize, instances } = rehearsal.point;
        expect(law(batchSize, instances)).toBeLessThanOrEqual(limitMs);
        const perS = (1000 * batchSize * instances) / law(batchSize, instances);
        expect(perS / best.throughputPerS).toBeGreaterThanOrEqual(0.9);
      }),
      { numRuns: 100 },
    );
  });

  it('runs an engine without either knob, and a fixed batch size, where they are', () => {
    const still = rehearse(linearLaw(10, 1), 50, {
      minBatchSize: 1,
      maxBatchSize: 1,
      maxInstances: 1,
    });
    expect(movesIn(still.rehearsal.play(5))).toBe(0);
    expect(still.scaler.profile).toMatchObject({ tiBatchingPercent: 0, tiMultiTenancyPercent: 0 });
    const fixed = rehearse(timeSlicedLaw(1, 1), 50, {
      minBatchSize: 8,
      maxBatchSize: 8,
      maxInstances: 3,
    });
    fixed.rehearsal.play(10);
    expect(fixed.rehearsal.point).toEqual({ batchSize: 8, instances: 3 });
  });

  it('flags an SLO that nothing can hold, once it stands at the lowest point', () => {
    for (const law of [linearLaw(20, 0.5), timeSlicedLaw(20, 24)]) {
      const { rehearsal } = rehearse(law, 15);
      const last = rehearsal.play(20).at(-1);
      expect(last?.observation.point).toEqual({ batchSize: 1, instances: 1 });
      expect(last?.decision.infeasible).toBe(true);
    }
  });
});
