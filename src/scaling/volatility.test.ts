import { describe, expect, it } from 'vitest';
import { widenedTail } from './volatility.ts';

describe('widenedTail', () => {
  it('adds what the speed wanders to a tail, by the percentile', () => {
    expect(widenedTail(0, 0.1, 0.95)).toBe(0.1);
    expect(widenedTail(0.08, 0.1, 0.95)).toBeGreaterThan(0.1);
    expect(widenedTail(0.08, 0.1, 0.99)).toBeGreaterThan(widenedTail(0.08, 0.1, 0.95));
    expect(widenedTail(0.08, 0.1, 0.5)).toBeCloseTo(0.1);
  });
});
