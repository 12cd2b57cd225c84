import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chanceWithin, expectedExcess, expectedGain, meanLogMs } from './belief.ts';
import type { PointReading } from './latency-model.ts';
import { LatencyModel } from './latency-model.ts';

/** Host time of 20 ms beside a device that works on one call at a time. */
const law = (b: number, n: number): number => Math.max(20 + 2 + 0.5 * b, n * (2 + 0.5 * b));

const read = (batchSize: number, instances: number): PointReading => ({
  batchSize,
  instances,
  latencyMs: law(batchSize, instances),
  relativeSd: 0.005,
});

const predictMs = (model: LatencyModel, b: number, n: number): number =>
  Math.exp(meanLogMs(model.predict(b, n)));

const readings = fc.uniqueArray(
  fc.record({
    batchSize: fc.integer({ min: 1, max: 128 }),
    instances: fc.integer({ min: 1, max: 10 }),
    latencyMs: fc.double({ min: 0.1, max: 1e4, noNaN: true }),
    relativeSd: fc.double({ min: 0.004, max: 0.2, noNaN: true }),
  }),
  { minLength: 1, maxLength: 12, selector: (r) => `${r.batchSize},${r.instances}` },
);

describe('LatencyModel', () => {
  it('believes what was read, where it was read', () => {
    const points = [read(1, 1), read(16, 2), read(8, 4)];
    const model = new LatencyModel(points);
    for (const { batchSize, instances, latencyMs } of points) {
      expect(predictMs(model, batchSize, instances) / latencyMs).toBeCloseTo(1, 1);
    }
  });

  it('predicts a network of the family from four readings to some percent', () => {
    const model = new LatencyModel([read(1, 1), read(8, 2), read(24, 3), read(32, 1)]);
    for (const [b, n] of [
      [16, 2],
      [12, 4],
      [48, 2],
      [24, 1],
    ] as const) {
      expect(Math.abs(predictMs(model, b, n) / law(b, n) - 1)).toBeLessThan(0.12);
    }
  });

  it('is sure near readings and unsure far from them', () => {
    const model = new LatencyModel([read(1, 1), read(4, 1)]);
    const spread = (b: number, n: number): number => {
      const belief = model.predict(b, n);
      const median = meanLogMs(belief);
      return chanceWithin(belief, median + 0.05) - chanceWithin(belief, median - 0.05);
    };
    expect(spread(4, 1)).toBeGreaterThan(0.95);
    expect(spread(64, 8)).toBeLessThan(0.5);
  });

  it('hardly depends on the unit: the same readings in another one give the same chances', () => {
    const points = [read(1, 1), read(8, 2), read(32, 4)];
    const scaled = points.map((point) => ({ ...point, latencyMs: 1000 * point.latencyMs }));
    const here = chanceWithin(new LatencyModel(points).predict(16, 3), Math.log(40));
    const there = chanceWithin(new LatencyModel(scaled).predict(16, 3), Math.log(40_000));
    expect(Math.abs(there - here)).toBeLessThan(0.03);
  });

  it('gives finite beliefs whatever was read, also what no law explains', () => {
    fc.assert(
      fc.property(
        readings,
        fc.integer({ min: 1, max: 128 }),
        fc.integer({ min: 1, max: 10 }),
        fc.double({ min: -2, max: 9, noNaN: true }),
        (points, b, n, logLimitMs) => {
          const belief = new LatencyModel(points).predict(b, n);
          const { count, shares } = belief;
          const sum = shares.subarray(0, count).reduce((total, share) => total + share, 0);
          expect(sum).toBeCloseTo(1, 6);
          const chance = chanceWithin(belief, logLimitMs);
          expect(chance).toBeGreaterThanOrEqual(0);
          expect(chance).toBeLessThanOrEqual(1 + 1e-9);
          expect(chanceWithin(belief, logLimitMs + 1)).toBeGreaterThanOrEqual(chance - 1e-9);
          expect(expectedExcess(belief, logLimitMs)).toBeGreaterThanOrEqual(-1e-6);
          const gain = expectedGain(belief, b * n, logLimitMs, 1);
          expect(Number.isFinite(gain) && gain >= 0).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('expectedGain', () => {
  const sure = (ms: number) => ({
    count: 1,
    shares: Float64Array.of(1),
    logMs: Float64Array.of(Math.log(ms)),
    sds: Float64Array.of(1e-3),
  });

  it('is the difference in throughput where the latency is known', () => {
    expect(expectedGain(sure(10), 40, Math.log(20), 1)).toBeCloseTo(3, 2);
  });

  it('is nothing beyond the limit, or under the incumbent', () => {
    expect(expectedGain(sure(25), 100, Math.log(20), 1)).toBeCloseTo(0, 6);
    expect(expectedGain(sure(10), 9, Math.log(20), 1)).toBeCloseTo(0, 6);
  });

  it('agrees with drawing from the belief', () => {
    const belief = {
      count: 2,
      shares: Float64Array.of(0.3, 0.7),
      logMs: Float64Array.of(Math.log(10), Math.log(18)),
      sds: Float64Array.of(0.2, 0.4),
    };
    let gain = 0;
    let excess = 0;
    const steps = 20_000;
    for (let c = 0; c < 2; c += 1) {
      const sd = belief.sds[c] as number;
      for (let i = 0; i < steps; i += 1) {
        const z = -6 + (12 * (i + 0.5)) / steps;
        const weight = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * (12 / steps);
        const ms = Math.exp((belief.logMs[c] as number) + sd * z);
        const share = (belief.shares[c] as number) * weight;
        if (ms <= 20) gain += share * Math.max(0, 30 / ms - 1.5);
        excess += share * Math.max(0, ms / 20 - 1);
      }
    }
    expect(expectedGain(belief, 30, Math.log(20), 1.5)).toBeCloseTo(gain, 2);
    expect(expectedExcess(belief, Math.log(20))).toBeCloseTo(excess, 3);
  });
});
