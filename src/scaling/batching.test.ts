import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { BatchingScaler } from './batching.ts';
import type { Law } from './test-support.ts';
import { Rehearsal, exhaustiveBest, linearLaw, movesIn, observationOf } from './test-support.ts';

const rehearse = (law: Law, limitMs: number, more: { noiseSigma?: number; seed?: number } = {}) =>
  new Rehearsal(new BatchingScaler({ limits: paperLimits }), {
    law,
    slo: makeSlo(limitMs),
    ...more,
  });

const batchSizes = (rehearsal: Rehearsal): number[] =>
  rehearsal.steps.map(({ observation }) => observation.point.batchSize);

/** Throughput where the rehearsal stands, over the best of an exhaustive search. */
const shareOfBest = (rehearsal: Rehearsal, limitMs: number): number => {
  const { batchSize } = rehearsal.point;
  const best = exhaustiveBest(rehearsal.law, 'batchSize', limitMs, 128).throughputPerS;
  return (1000 * batchSize) / rehearsal.law(batchSize, 1) / best;
};

const settling = 16;

/** A fixed cost from nothing to nearly everything, and an SLO that some batch size meets. */
const scenes = fc.record({
  fixedMs: fc.double({ min: 0, max: 50, noNaN: true }),
  perRowMs: fc.double({ min: 0.01, max: 5, noNaN: true }),
  slack: fc.double({ min: 1.01, max: 100, noNaN: true }),
});

describe('BatchingScaler', () => {
  it('searches as the paper does, halving its bracket until it is within the band', () => {
    const rehearsal = rehearse(linearLaw(5, 5), 105);
    rehearsal.play(7);
    expect(batchSizes(rehearsal)).toEqual([1, 65, 33, 17, 17, 17, 17]);
  });

  it('goes on within the band while that may bring clearly more throughput', () => {
    const rehearsal = rehearse(linearLaw(20, 0.1), 22);
    const [first] = rehearsal.play(settling);
    expect(first?.decision.reason).toBe(
      'p95 20.1 ms within 85-100% of the 22.0 ms SLO, with room for more throughput: batch 1 -> 65',
    );
    expect(batchSizes(rehearsal).slice(0, 8)).toEqual([1, 65, 33, 17, 25, 21, 19, 19]);
  });

  it('reaches the largest batch size and never runs past it', () => {
    const rehearsal = rehearse(linearLaw(20, 0.1), 1000);
    rehearsal.play(12);
    expect(batchSizes(rehearsal)).toEqual([1, 65, 97, 113, 121, 125, 127, 128, 128, 128, 128, 128]);
  });

  it('finds at least 90% of the best throughput within the SLO, then stays', () => {
    fc.assert(
      fc.property(scenes, ({ fixedMs, perRowMs, slack }) => {
        const law = linearLaw(fixedMs, perRowMs);
        const limitMs = law(1, 1) * slack;
        const rehearsal = rehearse(law, limitMs);
        rehearsal.play(settling);
        expect(movesIn(rehearsal.play(16))).toBe(0);
        expect(law(rehearsal.point.batchSize, 1)).toBeLessThanOrEqual(limitMs);
        expect(shareOfBest(rehearsal, limitMs)).toBeGreaterThanOrEqual(0.9);
      }),
      { numRuns: 150 },
    );
  });

  it('does the same under noise', () => {
    fc.assert(
      fc.property(scenes, fc.integer(), ({ fixedMs, perRowMs, slack }, seed) => {
        const law = linearLaw(fixedMs, perRowMs);
        // With this noise p95 is 1.086 times the law, give or take 1.7% in a window of 40 calls.
        const limitMs = law(1, 1) * slack * 1.086 * 1.05;
        const rehearsal = rehearse(law, limitMs, { noiseSigma: 0.05, seed });
        rehearsal.play(24);
        const later = rehearsal.play(60);
        expect(movesIn(later)).toBeLessThanOrEqual(12);
        const best = exhaustiveBest(law, 'batchSize', limitMs / 1.086 / 1.05, 128);
        const meanPerS =
          later.reduce((sum, { observation }) => sum + observation.throughputPerS, 0) /
          later.length;
        expect(meanPerS / best.throughputPerS).toBeGreaterThanOrEqual(0.9);
      }),
      // A statistical statement: the same scenes every time.
      { numRuns: 50, seed: 1 },
    );
  });

  it.each([
    ['down', 200, 60],
    ['up', 60, 200],
  ])('follows an SLO that steps %s', (_, beforeMs, afterMs) => {
    const rehearsal = rehearse(linearLaw(10, 1), beforeMs);
    rehearsal.play(settling);
    rehearsal.slo = makeSlo(afterMs);
    rehearsal.play(settling);
    expect(rehearsal.law(rehearsal.point.batchSize, 1)).toBeLessThanOrEqual(afterMs);
    expect(shareOfBest(rehearsal, afterMs)).toBeGreaterThanOrEqual(0.9);
  });

  it('follows a machine that slows down and recovers', () => {
    const base = linearLaw(20, 0.5);
    const rehearsal = rehearse(base, 60);
    rehearsal.play(settling);
    for (const factor of [1.5, 1, 2.5, 1]) {
      rehearsal.law = (batchSize, instances) => factor * base(batchSize, instances);
      rehearsal.play(10);
      const settled = rehearsal.play(30);
      const over = settled.filter(({ observation }) => observation.requestLatency.p95Ms > 60);
      expect(over.length).toBeLessThanOrEqual(4);
      const best = exhaustiveBest(rehearsal.law, 'batchSize', 60, 128);
      const meanPerS =
        settled.reduce((sum, { observation }) => sum + observation.throughputPerS, 0) / 30;
      expect(meanPerS / best.throughputPerS).toBeGreaterThanOrEqual(0.9);
    }
  });

  it('goes back to 1 where larger batches cost throughput', () => {
    const rehearsal = rehearse((batchSize) => batchSize ** 1.1, 1000);
    rehearsal.play(settling);
    expect(rehearsal.point.batchSize).toBe(1);
    expect(movesIn(rehearsal.play(16))).toBe(0);
  });

  it('stops where larger batches no longer raise throughput', () => {
    const rehearsal = rehearse((batchSize) => Math.max(20, batchSize), 1000);
    rehearsal.play(settling);
    expect(rehearsal.point.batchSize).toBeLessThanOrEqual(97);
    expect(rehearsal.steps.at(-1)?.decision.reason).toMatch(/no longer raise throughput/);
  });

  it('settles beside a ragged edge of throughput', () => {
    const ragged: Law = (batchSize) => 5 + batchSize + (batchSize > 16 ? 6 : 0);
    const rehearsal = rehearse(ragged, 24);
    rehearsal.play(settling);
    expect(rehearsal.point.batchSize).toBe(16);
    expect(movesIn(rehearsal.play(16))).toBe(0);
  });

  it('stops asking for batches that the engine cannot reach', () => {
    const rehearsal = new Rehearsal(new BatchingScaler({ limits: paperLimits }), {
      law: linearLaw(10, 0.1),
      slo: makeSlo(1000),
      reach: (point) => ({ ...point, batchSize: Math.min(point.batchSize, 40) }),
    });
    rehearsal.play(settling);
    expect(rehearsal.point.batchSize).toBe(40);
    expect(movesIn(rehearsal.play(16))).toBe(0);
  });

  it('leaves a batch size at which nothing is answered', () => {
    const scaler = new BatchingScaler({ limits: paperLimits });
    const nothing = { calls: 0, rows: 0, throughputPerS: 0, batchFill: 0, errors: 320 };
    const observation = observationOf({ batchSize: 32, instances: 1 }, makeSlo(50), nothing);
    expect(scaler.decide(observation)).toMatchObject({
      kind: 'move',
      point: { batchSize: 16, instances: 1 },
      reason: 'nothing answered, 320 errors: batch 32 -> 16',
    });
  });

  it('tries growth that failed again, at ever longer intervals and one step at a time', () => {
    const law: Law = (batchSize) => (batchSize <= 2 ? 10 : 24);
    const rehearsal = rehearse(law, 20);
    rehearsal.play(300);
    const tries = rehearsal.steps.flatMap(({ observation }, window) =>
      window > 20 && observation.point.batchSize > 2 ? [window] : [],
    );
    expect(tries.length).toBeGreaterThanOrEqual(2);
    expect(tries.length).toBeLessThanOrEqual(4);
    const gaps = tries.slice(1).map((window, i) => window - (tries[i] as number));
    for (let i = 1; i < gaps.length; i += 1)
      expect(gaps[i]).toBeGreaterThan(1.5 * (gaps[i - 1] as number));
    for (const window of tries) expect(batchSizes(rehearsal)[window]).toBe(3);
  });

  it('starts from what the profiler measured', () => {
    const reading = (latencyMs: number, throughputPerS: number) => ({
      latencyMs,
      throughputPerS,
      executionMs: latencyMs,
    });
    const startAt = (limitMs: number, first: number, second: number): number =>
      new BatchingScaler({
        limits: paperLimits,
        known: new Map([
          [1, reading(first, 1000 / first)],
          [32, reading(second, 32_000 / second)],
        ]),
        limitMs,
      }).first().batchSize;
    expect(startAt(100, 10, 20)).toBe(80);
    expect(startAt(15, 10, 20)).toBe(16);
    expect(startAt(5, 10, 20)).toBe(1);
  });

  it('says where it stands and where it goes', () => {
    const at = (batchSize: number, latencyMs: number): string =>
      new BatchingScaler({ limits: paperLimits }).decide(
        observationOf({ batchSize, instances: 1 }, makeSlo(50), { latencyMs }),
      ).reason;
    expect(at(32, 61)).toBe('p95 61.0 ms over the 50.0 ms SLO: batch 32 -> 16');
    expect(at(16, 20)).toBe('p95 20.0 ms under 85% of the 50.0 ms SLO: batch 16 -> 72');
    expect(at(127, 49)).toBe('p95 49.0 ms within 85-100% of the 50.0 ms SLO: in the band, hold');
    expect(at(72, 45)).toBe(
      'p95 45.0 ms within 85-100% of the 50.0 ms SLO, with room for more throughput: batch 72 -> 100',
    );
    expect(at(1, 70)).toBe('p95 70.0 ms over the 50.0 ms SLO: already at the smallest batch');
  });
});
