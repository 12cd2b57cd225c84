import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileOfSorted, samplesFor } from './quantile.ts';

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

const percentiles = fc.oneof(
  fc.constantFrom(0.5, 0.9, 0.95, 0.99, 0.999),
  fc.integer({ min: 1, max: 999 }).map((thousandths) => thousandths / 1000),
);

describe('quantileOfSorted', () => {
  it('is within a limit exactly when at least that share of the values is', () => {
    const values = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(values, percentiles, fc.integer({ min: -1, max: 31 }), (all, share, limit) => {
        const within = all.filter((value) => value <= limit).length / all.length;
        expect(quantileOfSorted(ascending(all), share) <= limit).toBe(within >= share);
      }),
      { numRuns: 2000 },
    );
  });

  it('is one of the values, and grows with the share', () => {
    const values = fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(values, percentiles, percentiles, (all, a, b) => {
        const sorted = ascending(all);
        const lower = quantileOfSorted(sorted, Math.min(a, b));
        expect(sorted).toContain(lower);
        expect(lower).toBeLessThanOrEqual(quantileOfSorted(sorted, Math.max(a, b)));
      }),
    );
  });

  it.each([
    [20, 0.95, 19],
    [40, 0.95, 38],
    [100, 0.99, 99],
    [1000, 0.999, 999],
    [1001, 0.999, 1000],
    [3, 1, 3],
    [3, 0.0001, 1],
  ])('of 1..%d at %d is %d', (count, share, expected) => {
    const values = Array.from({ length: count }, (_, i) => i + 1);
    expect(quantileOfSorted(values, share)).toBe(expected);
  });

  it('of nothing is NaN', () => {
    expect(quantileOfSorted([], 0.95)).toBeNaN();
  });
});

describe('samplesFor', () => {
  it.each([
    [0.95, 40],
    [0.99, 200],
    [0.999, 2000],
    [0.9, 20],
    [0.05, 40],
  ])('asks for enough calls that two are expected on the rare side of %d', (percentile, count) => {
    expect(samplesFor(percentile)).toBe(count);
  });

  it('never calls a handful enough', () => {
    fc.assert(
      fc.property(percentiles, (percentile) => {
        const count = samplesFor(percentile);
        expect(count).toBeGreaterThanOrEqual(16);
        expect(count * Math.min(percentile, 1 - percentile)).toBeGreaterThanOrEqual(2 - 1e-6);
      }),
    );
  });
});
