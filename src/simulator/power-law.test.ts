import { describe, expect, it } from 'vitest';
import { fitPowerLaw } from './power-law.ts';

describe('fitPowerLaw', () => {
  it('finds an exact law, and then has no error', () => {
    const law = fitPowerLaw([1, 2, 5, 9].map((x) => ({ x, y: 3 * x ** 0.7 })));
    expect(law.factor).toBeCloseTo(3, 10);
    expect(law.exponent).toBeCloseTo(0.7, 10);
    expect(law.leaveOneOutErrorPercent).toBeCloseTo(0, 8);
    expect(law.at(100)).toBeCloseTo(3 * 100 ** 0.7, 8);
  });

  it('tells how far it misses a sample left out', () => {
    const samples = [1, 10, 100, 1000].map((x) => ({ x, y: x === 100 ? 2 * x : x }));
    expect(fitPowerLaw(samples).leaveOneOutErrorPercent).toBeGreaterThan(20);
  });

  it('needs three samples', () => {
    expect(() => fitPowerLaw([{ x: 1, y: 1 }])).toThrow('needs at least 3 samples; received 1');
  });
});
