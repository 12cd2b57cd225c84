import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LatencyBelief } from './model/belief.ts';
import type { SearchOptions } from './search.ts';
import { search } from './search.ts';

const limits = { minBatchSize: 1, maxBatchSize: 128, maxInstances: 8 };

/** Believes in one latency, with some uncertainty. */
const believing = (law: (b: number, n: number) => number, sd = 0.01) => ({
  predict: (b: number, n: number): LatencyBelief => ({
    count: 1,
    shares: Float64Array.of(1),
    logMs: Float64Array.of(Math.log(law(b, n))),
    sds: Float64Array.of(sd),
  }),
});

const options = (parts: Partial<SearchOptions>): SearchOptions => ({
  limits,
  model: believing((b, n) => Math.max(10 + b, n * b)),
  isOpen: () => true,
  logLimitMs: () => Math.log(50),
  divisorAt: () => 1,
  incumbentPerMs: 0.1,
  minChance: 0.2,
  maxExcess: 0.3,
  cautiousExcess: 0.12,
  requiredGain: () => 0.002,
  ...parts,
});

describe('search', () => {
  it('finds the best point of a known law in one go', () => {
    const found = search(options({}));
    const { batchSize, instances } = found?.point ?? { batchSize: 0, instances: 0 };
    const perMs = (batchSize * instances) / Math.max(10 + batchSize, instances * batchSize);
    expect(perMs).toBeGreaterThan(0.97);
    expect(Math.max(10 + batchSize, instances * batchSize)).toBeLessThanOrEqual(51);
  });

  it('finds the best of many counts of instances, those between its strides, too', () => {
    const many = { minBatchSize: 1, maxBatchSize: 128, maxInstances: 200 };
    for (const best of [7, 11, 13, 47, 48, 49, 190, 200]) {
      const model = believing((b, n) => (10 + b) * Math.max(1, (n / best) ** 3));
      const found = search(options({ limits: many, model, incumbentPerMs: 0.01 }));
      expect(found?.point.instances).toBe(best);
    }
  });

  it('finds nothing where nothing promises enough', () => {
    expect(search(options({ incumbentPerMs: 1.1 }))).toBeUndefined();
    expect(search(options({ isOpen: () => false }))).toBeUndefined();
    expect(search(options({ requiredGain: () => Infinity }))).toBeUndefined();
  });

  it('prefers a little less gain to a large risk', () => {
    const risky = {
      predict: (_: number, n: number): LatencyBelief => ({
        count: 1,
        shares: Float64Array.of(1),
        logMs: Float64Array.of(Math.log(n === 8 ? 49 : 30)),
        sds: Float64Array.of(n === 8 ? 0.5 : 0.01),
      }),
    };
    expect(search(options({ model: risky }))?.point.instances).toBe(7);
  });

  it('never goes beyond the bounds that it was given', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.02, max: 1, noNaN: true }),
        fc.double({ min: 0.1, max: 20, noNaN: true }),
        fc.double({ min: 0.1, max: 5, noNaN: true }),
        fc.double({ min: 1, max: 200, noNaN: true }),
        (sd, hostMs, perRowMs, limitMs) => {
          const law = (b: number, n: number): number =>
            Math.max(hostMs + perRowMs * b, n * perRowMs * b);
          const found = search(
            options({ model: believing(law, sd), logLimitMs: () => Math.log(limitMs) }),
          );
          if (found === undefined) return;
          expect(found.excess).toBeLessThanOrEqual(0.3);
          expect(found.chance).toBeGreaterThanOrEqual(0.2);
          expect(found.point.batchSize).toBeGreaterThanOrEqual(1);
          expect(found.point.batchSize).toBeLessThanOrEqual(128);
          expect(found.point.instances).toBeLessThanOrEqual(8);
        },
      ),
      { numRuns: 60 },
    );
  });
});
