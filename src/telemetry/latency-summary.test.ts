import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summarizeLatencies } from './latency-summary.ts';
import { quantileOfSorted } from './quantile.ts';

describe('summarizeLatencies', () => {
  it('summarises the union of its sets, however it is cut up', () => {
    const sets = fc.array(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })));
    fc.assert(
      fc.property(sets, (parts) => {
        const all = parts.flat().sort((a, b) => a - b);
        const summary = summarizeLatencies(
          parts.map((part) => Float64Array.from(part)),
          0.9,
        );
        expect(summary.count).toBe(all.length);
        expect(summary.p50Ms).toBe(quantileOfSorted(all, 0.5));
        expect(summary.p95Ms).toBe(quantileOfSorted(all, 0.95));
        expect(summary.p99Ms).toBe(quantileOfSorted(all, 0.99));
        expect(summary.atPercentileMs).toBe(quantileOfSorted(all, 0.9));
        const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
        if (all.length === 0) expect(summary.meanMs).toBeNaN();
        else expect(summary.meanMs).toBeCloseTo(mean, 6);
      }),
    );
  });

  it('leaves the sets as they were', () => {
    const set = Float64Array.of(3, 1, 2);
    summarizeLatencies([set], 0.95);
    expect([...set]).toEqual([3, 1, 2]);
  });
});
