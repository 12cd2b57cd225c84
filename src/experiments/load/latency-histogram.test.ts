import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileOfSorted } from '../../telemetry/quantile.ts';
import { LatencyHistogram } from './latency-histogram.ts';

function histogramOf(latenciesMs: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const latencyMs of latenciesMs) histogram.record(latencyMs);
  return histogram;
}

describe('LatencyHistogram', () => {
  it('gives every quantile within 0.05% or 1 us of the exact one', () => {
    const latencies = fc.array(fc.double({ min: 0, max: 4e6, noNaN: true }), { minLength: 1 });
    const shares = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(latencies, shares, (values, share) => {
        const exact = quantileOfSorted(Float64Array.from(values).sort(), share);
        const found = histogramOf(values).quantileMs(share);
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.max(0.0005 * exact, 0.001));
      }),
    );
  });

  it('knows count, mean and maximum', () => {
    const histogram = histogramOf([1, 2, 6]);
    expect(histogram.count).toBe(3);
    expect(histogram.meanMs).toBeCloseTo(3, 9);
    expect(histogram.maxMs).toBe(6);
  });

  it('gives a lone value exactly, beyond the widths of buckets too', () => {
    expect(histogramOf([123_456.789]).quantileMs(0.5)).toBe(123_456.789);
  });

  it('cuts what is longer than it can hold', () => {
    expect(histogramOf([1e9]).quantileMs(1)).toBeCloseTo((2 ** 32 - 1) / 1000, 3);
  });

  it('has no figures when empty, and is empty again after clear', () => {
    const histogram = histogramOf([5, 7]);
    histogram.clear();
    for (const empty of [histogram, new LatencyHistogram()]) {
      expect([empty.count, empty.quantileMs(0.5), empty.meanMs, empty.maxMs]).toEqual([
        0,
        Number.NaN,
        Number.NaN,
        Number.NaN,
      ]);
    }
  });
});
