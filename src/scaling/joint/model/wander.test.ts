import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covarianceOfMeans, nearFuture } from './wander.ts';

const wander = { sd: 0.1, forgetsMs: 2000 };
const between = (startMs: number, endMs: number) => ({ startMs, endMs });

/** The double integral over both stretches, in small steps. */
function integrated(a: readonly [number, number], b: readonly [number, number]): number {
  const steps = 200;
  let sum = 0;
  for (let i = 0; i < steps; i += 1) {
    for (let j = 0; j < steps; j += 1) {
      const s = a[0] + ((i + 0.5) / steps) * (a[1] - a[0]);
      const t = b[0] + ((j + 0.5) / steps) * (b[1] - b[0]);
      sum += Math.exp(-Math.abs(s - t) / wander.forgetsMs);
    }
  }
  return (wander.sd ** 2 * sum) / steps ** 2;
}

describe('covarianceOfMeans', () => {
  it('is that of the process, averaged over both stretches', () => {
    const pairs = [
      [0, 1000, 3000, 5000],
      [4000, 4500, 0, 3000],
      [0, 3000, 0, 3000],
      [0, 10, 10, 20],
    ] as const;
    for (const [a, b, c, d] of pairs) {
      const expected = integrated([a, b], [c, d]);
      const found = covarianceOfMeans(wander, between(a, b), between(c, d));
      expect(found / expected).toBeCloseTo(1, 2);
    }
  });

  it('is the variance at a moment, and less over a longer time', () => {
    const variance = (ms: number): number =>
      covarianceOfMeans(wander, between(0, ms), between(0, ms));
    expect(variance(0)).toBeCloseTo(0.01, 4);
    expect(variance(2000)).toBeLessThan(variance(200));
  });

  it('is never more than either variance allows', () => {
    const stretch = fc
      .tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 20_000 }))
      .map(([startMs, ms]) => between(startMs, startMs + ms));
    fc.assert(
      fc.property(stretch, stretch, (a, b) => {
        fc.pre(a.endMs <= b.startMs || b.endMs <= a.startMs);
        const both = covarianceOfMeans(wander, a, b);
        const most = covarianceOfMeans(wander, a, a) * covarianceOfMeans(wander, b, b);
        expect(both ** 2).toBeLessThanOrEqual(most * (1 + 1e-6));
      }),
    );
  });

  it('is 0 on a quiet machine', () => {
    const now = between(0, 1000);
    expect(covarianceOfMeans({ sd: 0, forgetsMs: 2000 }, now, now)).toBe(0);
  });
});

describe('nearFuture', () => {
  it('has little in common with what is soon forgotten, and almost all with what lasts', () => {
    const past = between(0, 1000);
    expect(covarianceOfMeans(wander, past, nearFuture(1000))).toBeLessThan(0.25 * 0.01);
    const lasting = { sd: 0.1, forgetsMs: 3_600_000 };
    expect(covarianceOfMeans(lasting, past, nearFuture(1000))).toBeGreaterThan(0.99 * 0.01);
  });
});
