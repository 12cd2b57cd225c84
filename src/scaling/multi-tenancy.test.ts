import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import type { InstanceLatencyEstimator } from './multi-tenancy.ts';
import { MultiTenancyScaler } from './multi-tenancy.ts';
import type { Law, Scene } from './test-support.ts';
import {
  Rehearsal,
  exhaustiveBest,
  movesIn,
  observationOf,
  timeSlicedLaw,
  timeSlicingEstimate,
} from './test-support.ts';

const rehearse = (
  scene: Omit<Scene, 'slo'> & { limitMs: number; estimate?: InstanceLatencyEstimator },
): Rehearsal => {
  const { limitMs, estimate = timeSlicingEstimate, ...rest } = scene;
  const scaler = new MultiTenancyScaler({ limits: paperLimits, estimate });
  return new Rehearsal(scaler, { ...rest, slo: makeSlo(limitMs) });
};

const shareOfBest = (rehearsal: Rehearsal, limitMs: number): number => {
  const { instances } = rehearsal.point;
  const best = exhaustiveBest(rehearsal.law, 'instances', limitMs, 10).throughputPerS;
  return (1000 * instances) / rehearsal.law(1, instances) / best;
};

const instancesOf = (rehearsal: Rehearsal): number[] =>
  rehearsal.steps.map(({ observation }) => observation.point.instances);

/** Two probes, a start, and one instance at a time. */
const settling = 14;

const scenes = fc.record({
  atEightShare: fc.double({ min: 1, max: 8, noNaN: true }),
  slack: fc.double({ min: 1.01, max: 12, noNaN: true }),
});

/** Says that any count is as fast as one instance alone, or as slow as can be. */
const hopeful: InstanceLatencyEstimator = (observedMs, count) =>
  new Array<number>(count).fill(observedMs.get(1) ?? Number.NaN);
const gloomy: InstanceLatencyEstimator = (_, count) => new Array<number>(count).fill(1e9);

describe('MultiTenancyScaler', () => {
  it('probes one and eight instances, starts from the estimate and takes one step at a time', () => {
    const rehearsal = rehearse({ law: timeSlicedLaw(10, 40), limitMs: 26 });
    expect(rehearsal.play(2).map(({ decision }) => decision.kind)).toEqual(['probe', 'move']);
    rehearsal.play(10);
    expect(instancesOf(rehearsal).slice(0, 3)).toEqual([1, 8, 5]);
    const [first, second] = rehearsal.steps;
    expect(first?.decision.reason).toBe(
      'measured 1 instance: probe 8 instances to estimate the counts between',
    );
    expect(second?.decision.reason).toBe(
      'the most instances with an estimated latency within the SLO: 5',
    );
  });

  it('starts at once from what the profiler measured', () => {
    const reading = (latencyMs: number, throughputPerS: number) => ({
      latencyMs,
      throughputPerS,
      executionMs: latencyMs,
    });
    const scaler = new MultiTenancyScaler({
      limits: paperLimits,
      estimate: timeSlicingEstimate,
      known: new Map([
        [1, reading(10, 100)],
        [8, reading(40, 200)],
      ]),
      limitMs: 26,
    });
    expect(scaler.first()).toEqual({ batchSize: 1, instances: 5 });
    expect(scaler.wants).toBe('percentile');
  });

  it.each([
    ['a good estimate', timeSlicingEstimate],
    ['an estimate that hopes too much', hopeful],
    ['an estimate that dares nothing', gloomy],
  ])('finds nine tenths of the best throughput or more from %s, then stays', (_, estimate) => {
    fc.assert(
      fc.property(scenes, ({ atEightShare, slack }) => {
        const law = timeSlicedLaw(10, 10 * atEightShare);
        const limitMs = 10 * slack;
        const rehearsal = rehearse({ law, limitMs, estimate });
        rehearsal.play(settling);
        expect(movesIn(rehearsal.play(16))).toBe(0);
        expect(law(1, rehearsal.point.instances)).toBeLessThanOrEqual(limitMs);
        expect(shareOfBest(rehearsal, limitMs)).toBeGreaterThanOrEqual(0.9);
      }),
      { numRuns: 60 },
    );
  });

  it('does the same under noise', () => {
    fc.assert(
      fc.property(scenes, fc.integer(), ({ atEightShare, slack }, seed) => {
        const law = timeSlicedLaw(10, 10 * atEightShare);
        const limitMs = 10 * slack * 1.086 * 1.05;
        const rehearsal = rehearse({ law, limitMs, noiseSigma: 0.05, seed });
        rehearsal.play(24);
        const later = rehearsal.play(60);
        expect(movesIn(later)).toBeLessThanOrEqual(8);
        const best = exhaustiveBest(law, 'instances', limitMs / 1.086 / 1.05, 10);
        const meanPerS =
          later.reduce((sum, { observation }) => sum + observation.throughputPerS, 0) /
          later.length;
        expect(meanPerS / best.throughputPerS).toBeGreaterThanOrEqual(0.9);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it.each([
    ['down', 60, 22],
    ['up', 22, 60],
  ])('follows an SLO that steps %s', (_, beforeMs, afterMs) => {
    const rehearsal = rehearse({ law: timeSlicedLaw(20, 64), limitMs: beforeMs });
    rehearsal.play(settling);
    rehearsal.slo = makeSlo(afterMs);
    rehearsal.play(settling);
    expect(rehearsal.law(1, rehearsal.point.instances)).toBeLessThanOrEqual(afterMs);
    expect(shareOfBest(rehearsal, afterMs)).toBeGreaterThanOrEqual(0.9);
  });

  it('follows a machine that slows down and recovers', () => {
    const base = timeSlicedLaw(10, 64);
    const rehearsal = rehearse({ law: base, limitMs: 50 });
    rehearsal.play(settling);
    for (const factor of [1.5, 1, 2.5, 1]) {
      rehearsal.law = (batchSize, instances) => factor * base(batchSize, instances);
      rehearsal.play(10);
      const settled = rehearsal.play(30);
      const over = settled.filter(({ observation }) => observation.requestLatency.p95Ms > 50);
      expect(over.length).toBeLessThanOrEqual(3);
      expect(shareOfBest(rehearsal, 50)).toBeGreaterThanOrEqual(0.9);
    }
  });

  it('stops growing where instances no longer bring throughput', () => {
    const full: Law = (_, instances) => Math.max(10, instances * 2.5);
    const rehearsal = rehearse({ law: full, limitMs: 1000, estimate: gloomy });
    rehearsal.play(settling);
    expect(rehearsal.point.instances).toBeLessThanOrEqual(5);
    expect(rehearsal.steps.at(-1)?.decision.reason).toMatch(/no longer raise throughput/);
  });

  it('goes back to where throughput was higher', () => {
    const crowded: Law = (_, instances) => (instances <= 3 ? 10 : 4 * instances);
    const rehearsal = rehearse({ law: crowded, limitMs: 1000, estimate: hopeful });
    rehearsal.play(20);
    expect(crowded(1, rehearsal.point.instances) / rehearsal.point.instances).toBeLessThan(4.1);
    expect(movesIn(rehearsal.play(16))).toBe(0);
  });

  it('does not lock a violation in: it steps down to one instance if it must', () => {
    const rehearsal = rehearse({ law: timeSlicedLaw(10, 80), limitMs: 75 });
    rehearsal.play(settling);
    rehearsal.law = timeSlicedLaw(60, 480);
    rehearsal.play(settling);
    expect(rehearsal.point.instances).toBe(1);
    rehearsal.law = timeSlicedLaw(90, 720);
    const last = rehearsal.play(3).at(-1)?.decision;
    expect(last).toMatchObject({ kind: 'hold', infeasible: true });
    expect(last?.reason).toBe('p95 90.0 ms over the 75.0 ms SLO: already at one instance');
  });

  it.each([1, 3, 4, 8])('lives with an engine that reaches %d instances at most', (most) => {
    const rehearsal = rehearse({
      law: timeSlicedLaw(10, 10),
      limitMs: 100,
      reach: (point) => ({ ...point, instances: Math.min(point.instances, most) }),
    });
    rehearsal.play(settling);
    expect(rehearsal.point.instances).toBe(most);
    expect(movesIn(rehearsal.play(16))).toBe(0);
  });

  it('runs a model of a fixed batch size at that size', () => {
    const limits = { minBatchSize: 8, maxBatchSize: 8, maxInstances: 4 };
    const scaler = new MultiTenancyScaler({ limits, estimate: timeSlicingEstimate });
    const rehearsal = new Rehearsal(scaler, { law: timeSlicedLaw(1, 1), slo: makeSlo(100) });
    rehearsal.play(settling);
    expect(rehearsal.steps.every(({ decision }) => decision.point.batchSize === 8)).toBe(true);
    expect(rehearsal.point.instances).toBe(4);
  });

  it('says what holds it back', () => {
    const at = (instances: number, parts: { latencyMs: number; busyShare?: number }): string => {
      const known = new Map([
        [1, { latencyMs: 40, throughputPerS: 25, executionMs: 40 }],
        [10, { latencyMs: 60, throughputPerS: 167, executionMs: 60 }],
      ]);
      const scaler = new MultiTenancyScaler({
        limits: paperLimits,
        estimate: gloomy,
        known,
        limitMs: 50,
      });
      return scaler.decide(observationOf({ batchSize: 1, instances }, makeSlo(50), parts)).reason;
    };
    const under = 'p95 20.0 ms under 85% of the 50.0 ms SLO';
    expect(at(10, { latencyMs: 20 })).toBe(`${under}: already at the most instances`);
    expect(at(4, { latencyMs: 20, busyShare: 0.6 })).toBe(
      `${under}: instances are idle, more would not help`,
    );
    expect(at(4, { latencyMs: 20 })).toBe(`${under}: 4 instances -> 5`);
    expect(at(2, { latencyMs: 45 })).toBe(
      'p95 45.0 ms within 85-100% of the 50.0 ms SLO, with room for more throughput: 2 instances -> 3',
    );
    expect(at(9, { latencyMs: 45 })).toBe(
      'p95 45.0 ms within 85-100% of the 50.0 ms SLO: in the band, hold',
    );
  });
});
