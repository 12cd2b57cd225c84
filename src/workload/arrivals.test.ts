import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import type { Arrivals } from './arrivals.ts';
import { poissonArrivals, traceArrivals, uniformArrivals } from './arrivals.ts';

const take = (arrivals: Arrivals, count: number): (number | undefined)[] =>
  Array.from({ length: count }, () => arrivals.nextGapMs());

describe('poissonArrivals', () => {
  it('has gaps with the mean and the spread of an exponential distribution', () => {
    const gaps = take(poissonArrivals(200, new Random(5)), 50_000) as number[];
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(mean).toBeCloseTo(5, 1);
    expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
  });

  it('repeats with its seed', () => {
    const gaps = (seed: number) => take(poissonArrivals(7, new Random(seed)), 20);
    expect(gaps(1)).toEqual(gaps(1));
    expect(gaps(1)).not.toEqual(gaps(2));
  });
});

describe('uniformArrivals', () => {
  it('keeps one distance', () => {
    expect(take(uniformArrivals(250), 3)).toEqual([4, 4, 4]);
  });
});

describe('traceArrivals', () => {
  it('replays the times once', () => {
    expect(take(traceArrivals([2, 2, 7.5]), 4)).toEqual([2, 0, 5.5, undefined]);
    expect(take(traceArrivals([]), 1)).toEqual([undefined]);
  });

  it.each([[[3, 1]], [[-1]], [[Number.NaN]], [[1, Number.POSITIVE_INFINITY]]])(
    'rejects %j',
    (times) => {
      expect(() => traceArrivals(times)).toThrow(/arrival \d of the trace must be a number of ms/);
    },
  );
});

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a rate of %s is rejected', (rate) => {
  const rule = 'the arrival rate must be a positive number per second';
  expect(() => poissonArrivals(rate, new Random(1))).toThrow(rule);
  expect(() => uniformArrivals(rate)).toThrow(rule);
});
