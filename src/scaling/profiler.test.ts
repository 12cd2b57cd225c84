import { describe, expect, it } from 'vitest';
import type { KnobLimits } from '../operating-point.ts';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { Profiler, describeProfile } from './profiler.ts';
import { observationOf } from './test-support.ts';

const slo = makeSlo(50);

/** Profiles an engine that answers so many rows per second at each of the profiler's points. */
function profile(limits: KnobLimits, ...throughputsPerS: readonly number[]): Profiler {
  const profiler = new Profiler(limits);
  for (const throughputPerS of throughputsPerS) {
    const point = profiler.next();
    if (point === undefined) throw new Error('fewer probes than figures');
    profiler.record(observationOf(point, slo, { throughputPerS }));
  }
  expect(profiler.next()).toBeUndefined();
  return profiler;
}

describe('Profiler', () => {
  it.each([
    ['all of the paper', paperLimits, ['1,1', '32,1', '1,8']],
    ['small batches', { ...paperLimits, maxBatchSize: 8 }, ['1,1', '8,1', '1,8']],
    ['two cores', { ...paperLimits, maxInstances: 2 }, ['1,1', '32,1', '1,2']],
    ['no batching', { ...paperLimits, maxBatchSize: 1 }, ['1,1', '1,8']],
    ['no second instance', { ...paperLimits, maxInstances: 1 }, ['1,1', '32,1']],
    ['neither', { minBatchSize: 1, maxBatchSize: 1, maxInstances: 1 }, ['1,1']],
    ['a fixed batch', { minBatchSize: 8, maxBatchSize: 8, maxInstances: 4 }, ['8,1', '8,4']],
    ['a large fixed batch', { minBatchSize: 64, maxBatchSize: 64, maxInstances: 1 }, ['64,1']],
  ])('probes what an engine with %s has', (_, limits, probes) => {
    const { points } = new Profiler(limits);
    expect(points.map(({ batchSize, instances }) => `${batchSize},${instances}`)).toEqual(probes);
  });

  it('tells the throughput improvement of each knob over the base, in percent', () => {
    const report = profile(paperLimits, 100, 250, 180).report();
    expect(report.tiBatchingPercent).toBeCloseTo(150);
    expect(report.tiMultiTenancyPercent).toBeCloseTo(80);
    expect(report.approach).toBe('batching');
    expect(describeProfile(report)).toBe(
      'Batching: TI_B +150% against TI_MT +80% over 100/s at one instance of the smallest batch',
    );
  });

  it('chooses Multi-Tenancy where that improves more, a loss from batching included', () => {
    const report = profile(paperLimits, 100, 77, 206).report();
    expect(report.tiBatchingPercent).toBeCloseTo(-23);
    expect(report.approach).toBe('multi-tenancy');
    expect(describeProfile(report)).toMatch(/^Multi-Tenancy: TI_MT \+106% against TI_B -23%/);
  });

  it('gives a knob that the engine does not have no improvement', () => {
    const noInstances = profile({ ...paperLimits, maxInstances: 1 }, 100, 250).report();
    expect(noInstances).toMatchObject({ tiMultiTenancyPercent: 0, approach: 'batching' });
    const fixed = { minBatchSize: 8, maxBatchSize: 8, maxInstances: 4 };
    const noBatching = profile(fixed, 100, 150).report();
    expect(noBatching).toMatchObject({ tiBatchingPercent: 0, approach: 'multi-tenancy' });
  });

  it('gives no improvement to a probe that the engine did not reach', () => {
    const profiler = profile({ ...paperLimits, maxInstances: 1 }, 100, 250);
    expect(profiler.report().probes).toHaveLength(2);
    const stuck = new Profiler(paperLimits);
    for (const throughputPerS of [100, 250, 101]) {
      const asked = stuck.next() ?? { batchSize: 1, instances: 1 };
      stuck.record(observationOf({ ...asked, instances: 1 }, slo, { throughputPerS }));
    }
    expect(stuck.report()).toMatchObject({ tiMultiTenancyPercent: 0, approach: 'batching' });
  });

  it('tells apart a probe that answers nothing and a base that answers nothing', () => {
    const nothing = { calls: 0, rows: 0, throughputPerS: 0, errors: 8 };
    const profiler = new Profiler(paperLimits);
    profiler.record(observationOf({ batchSize: 1, instances: 1 }, slo, { throughputPerS: 100 }));
    profiler.record(observationOf({ batchSize: 32, instances: 1 }, slo, nothing));
    profiler.record(observationOf({ batchSize: 1, instances: 8 }, slo, { throughputPerS: 90 }));
    const report = profiler.report();
    expect(report.tiBatchingPercent).toBe(-100);
    expect(report.approach).toBe('multi-tenancy');
    expect(profile(paperLimits, 0, 250, 180).report()).toMatchObject({
      tiBatchingPercent: 0,
      tiMultiTenancyPercent: 0,
    });
  });

  it('hands each scaler the readings along its knob', () => {
    const profiler = profile(paperLimits, 100, 250, 180);
    expect([...profiler.readings('batchSize').keys()]).toEqual([1, 32]);
    expect([...profiler.readings('instances').keys()]).toEqual([1, 8]);
    expect(profiler.readings('instances').get(8)?.throughputPerS).toBe(180);
  });
});
