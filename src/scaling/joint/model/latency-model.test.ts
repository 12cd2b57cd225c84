import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chanceWithin, expectedExcess, expectedGain, meanLogMs } from './belief.ts';
import { Random } from '../../../random.ts';
import type { LatencyModel } from './latency-model.ts';
import type { TimedReading } from './point-reading.ts';
import { likeliestModel } from './likeliest-wander.ts';

/** Host time of 20 ms beside a device that works on one call at a time. */
const law = (b: number, n: number): number => Math.max(20 + 2 + 0.5 * b, n * (2 + 0.5 * b));

const read = (batchSize: number, instances: number, second = 0): TimedReading => ({
  batchSize,
  instances,
  latencyMs: law(batchSize, instances),
  relativeSd: 0.005,
  startMs: 1000 * second,
  endMs: 1000 * second + 1000,
});

const predictMs = (model: LatencyModel, b: number, n: number): number =>
  Math.exp(meanLogMs(model.predict(b, n)));

const readings = fc
  .uniqueArray(
    fc.record({
      batchSize: fc.integer({ min: 1, max: 128 }),
      instances: fc.integer({ min: 1, max: 10 }),
      latencyMs: fc.double({ min: 0.1, max: 1e4, noNaN: true }),
      relativeSd: fc.double({ min: 0.004, max: 0.2, noNaN: true }),
    }),
    { minLength: 1, maxLength: 12, selector: (r) => `${r.batchSize},${r.instances}` },
  )
  .map((all) =>
    all.map((reading, at) => ({ ...reading, startMs: 1000 * at, endMs: 1000 * at + 1000 })),
  );

describe('LatencyModel', () => {
  it('believes what was read, where it was read', () => {
    const points = [read(1, 1), read(16, 2), read(8, 4)];
    const model = likeliestModel(points);
    for (const { batchSize, instances, latencyMs } of points) {
      expect(predictMs(model, batchSize, instances) / latencyMs).toBeCloseTo(1, 1);
    }
  });

  it('predicts a network of the family from four readings to some percent', () => {
    const model = likeliestModel([read(1, 1), read(8, 2), read(24, 3), read(32, 1)]);
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
    const model = likeliestModel([read(1, 1), read(4, 1)]);
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
    const here = chanceWithin(likeliestModel(points).predict(16, 3), Math.log(40));
    const there = chanceWithin(likeliestModel(scaled).predict(16, 3), Math.log(40_000));
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
          const belief = likeliestModel(points).predict(b, n);
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

/** Visits in turn, one window of a second each, on a machine of some speed. */
function visits(
  points: readonly (readonly [number, number])[],
  slowdownAt: (second: number) => number,
): readonly TimedReading[] {
  return points.map(([batchSize, instances], second) => {
    const reading = read(batchSize, instances, second);
    return { ...reading, latencyMs: reading.latencyMs * slowdownAt(second) };
  });
}

/** A speed with a memory of two seconds. */
function wandering(sd: number, seed: number): (second: number) => number {
  const random = new Random(seed);
  const kept = Math.exp(-0.5);
  let log = 0;
  return () => {
    log = kept * log + Math.sqrt(1 - kept ** 2) * sd * random.normal();
    return Math.exp(log);
  };
}

const around = Array.from({ length: 24 }, (_, i) => {
  return [
    [1, 1],
    [16, 2],
    [12, 2],
    [20, 2],
  ][i % 4] as [number, number];
});

describe('LatencyModel on a machine whose speed changes', () => {
  it('takes a quiet one for quiet', () => {
    const random = new Random(7);
    const noisy = visits(around, () => Math.exp(0.005 * random.normal()));
    expect(likeliestModel(noisy).wander.sd).toBe(0);
  });

  it('finds how much the speed wanders', () => {
    const sds = [1, 2, 3, 4, 5].map(
      (seed) => likeliestModel(visits(around, wandering(0.12, seed))).wander.sd,
    );
    for (const sd of sds) {
      expect(sd).toBeGreaterThanOrEqual(0.05);
      expect(sd).toBeLessThanOrEqual(0.18);
    }
  });

  it('tells two points apart by readings that were close in time', () => {
    // Each pair is read at one speed, and the speeds differ more than the points do.
    const speeds = [1, 1.25, 0.85, 1.15, 0.8, 1.2];
    const pairs = speeds.flatMap((): [number, number][] => [
      [16, 2],
      [18, 2],
    ]);
    const model = likeliestModel(
      visits(pairs, (second) => speeds[Math.floor(second / 2)] as number),
    );
    const ratio = predictMs(model, 18, 2) / predictMs(model, 16, 2);
    expect(ratio).toBeGreaterThan(1.0);
    expect(ratio).toBeLessThan(1.1);
  });

  it('expects the speed of the long run after a moment that was slow', () => {
    const slowdowns = [1.1, 0.9, 1.12, 0.88, 1.05, 0.95, 1.1, 0.9, 1.08, 0.92, 1, 1.2];
    const model = likeliestModel(
      visits(
        slowdowns.map(() => [16, 2]),
        (second) => slowdowns[second] as number,
      ),
    );
    expect(predictMs(model, 16, 2) / law(16, 2)).toBeLessThan(1.08);
  });

  it('follows a slow drift to points read before it', () => {
    const points = [[1, 1], [16, 2], ...Array.from({ length: 20 }, () => [8, 1])] as [
      number,
      number,
    ][];
    const model = likeliestModel(visits(points, (second) => 1 + 0.004 * second));
    expect(predictMs(model, 16, 2) / law(16, 2)).toBeGreaterThan(1.04);
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
