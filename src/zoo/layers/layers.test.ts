import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../random.ts';
import { seededWeights, uniform } from '../weights.ts';
import { samePadding } from './window.ts';
import { crossChannelFilters, perChannelFilters } from './made-up-filters.ts';
import {
  afterActivation,
  afterAveragePool,
  afterConvolution,
  afterMaxPool,
  concatenated,
  meanSquareAfter,
  meanSquares,
  summed,
  uniformMoments,
} from './moments.ts';

describe('SAME padding', () => {
  test('is one at each side for stride 1, and only after an even size for stride 2', () => {
    expect(samePadding(112, 3, 1)).toEqual([1, 1]);
    expect(samePadding(224, 3, 2)).toEqual([0, 1]);
    expect(samePadding(7, 3, 2)).toEqual([1, 1]);
    expect(samePadding(14, 1, 2)).toEqual([0, 0]);
  });

  test('gives ceil(size / stride) positions, with as little padding as that takes', () => {
    const sizes = fc.record({
      size: fc.integer({ min: 1, max: 400 }),
      kernel: fc.integer({ min: 1, max: 11 }),
      stride: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(sizes, ({ size, kernel, stride }) => {
        const [before, after] = samePadding(size, kernel, stride);
        const positions = (padding: number): number =>
          Math.floor((size + padding - kernel) / stride) + 1;
        expect(positions(before + after)).toBe(Math.ceil(size / stride));
        if (before + after > 0) {
          expect(positions(before + after - 1)).toBeLessThan(Math.ceil(size / stride));
        }
        expect([0, 1]).toContain(after - before);
      }),
    );
  });
});

describe('expected moments', () => {
  test('after ReLU are those of the rectified normal distribution', () => {
    const { mean, variance } = afterActivation(uniformMoments(1, 0, 1), (x) => Math.max(x, 0));
    expect(mean[0]).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 3);
    expect(variance[0]).toBeCloseTo(0.5 - 1 / (2 * Math.PI), 3);
    expect(meanSquareAfter((x) => x)).toBeCloseTo(1, 2);
  });

  test('after a convolution are those of weighted sums of independent inputs', () => {
    const random = new Random(2);
    const dims = [4, 2, 3, 3];
    const weights = new Float32Array(72);
    uniform(0.5)(weights, random);
    const input = {
      mean: Float64Array.of(1, -2, 0.5, 3),
      variance: Float64Array.of(0.25, 1, 4, 0.04),
    };
    const { mean, variance } = afterConvolution(input, weights, dims, 2);
    for (let filter = 0; filter < 4; filter += 1) {
      const samples = Array.from({ length: 20_000 }, () => {
        let sum = 0;
        for (let i = 0; i < 18; i += 1) {
          const channel = Math.floor(i / 9) + (filter < 2 ? 0 : 2);
          const x = input.mean[channel]! + Math.sqrt(input.variance[channel]!) * random.normal();
          sum += weights[filter * 18 + i]! * x;
        }
        return sum;
      });
      const average = samples.reduce((a, b) => a + b) / samples.length;
      const spread = samples.reduce((a, b) => a + (b - average) ** 2, 0) / samples.length;
      expect(Math.abs(average - mean[filter]!)).toBeLessThan(0.1 * Math.sqrt(spread));
      expect(spread / variance[filter]!).toBeCloseTo(1, 1);
    }
  });

  test('after a sum add up, and of joined channels come one after the other', () => {
    const a = { mean: Float64Array.of(1, 2), variance: Float64Array.of(3, 4) };
    const b = { mean: Float64Array.of(-1, 5), variance: Float64Array.of(0.5, 1) };
    const sum = summed(a, b);
    expect([[...sum.mean], [...sum.variance]]).toEqual([
      [0, 7],
      [3.5, 5],
    ]);
    const joined = concatenated([a, b]);
    expect([[...joined.mean], [...joined.variance]]).toEqual([
      [1, 2, -1, 5],
      [3, 4, 0.5, 1],
    ]);
    expect([...meanSquares(a)]).toEqual([4, 8]);
  });

  test('after pools of one value are as before, and of more lie between noise and evenness', () => {
    const rectified = afterActivation(uniformMoments(1, 0, 1), (x) => Math.max(x, 0));
    for (const before of [uniformMoments(1, 0, 2), rectified]) {
      const variance = before.variance[0]!;
      for (const pool of [afterMaxPool, afterAveragePool]) {
        expect(pool(before, 1).mean[0]).toBeCloseTo(before.mean[0]!, 9);
        expect(pool(before, 1).variance[0]).toBeCloseTo(variance, 9);
      }
      const mean = afterAveragePool(before, 9);
      expect(mean.mean[0]).toBe(before.mean[0]);
      expect(mean.variance[0]).toBeGreaterThan(variance / 9);
      expect(mean.variance[0]).toBeLessThan(variance);
      // The largest of nine independent normal values is 1.485 deviations above their mean.
      const largest = afterMaxPool(before, 9);
      const shift = (largest.mean[0]! - before.mean[0]!) / Math.sqrt(variance);
      expect(shift).toBeGreaterThan(0.5);
      expect(shift).toBeLessThan(1.485);
    }
    expect(afterMaxPool(rectified, 9).variance[0]).toBeGreaterThan(rectified.variance[0]!);
  });
});

describe('made-up filters', () => {
  const moments = {
    mean: Float64Array.from({ length: 30 }, (_, i) => 0.2 + (i % 7) / 5),
    variance: Float64Array.from({ length: 30 }, (_, i) => 0.1 + (i % 4)),
  };

  test('over all channels do not see the means, and give sums of the deviation asked for', () => {
    const dims = [200, 30, 3, 3];
    const data = new Float32Array(200 * 270);
    crossChannelFilters(() => moments, dims, 0.5)(data, new Random(4));
    const after = afterConvolution(moments, data, dims, 1);
    const spread = after.variance.reduce((a, b) => a + b) / 200;
    expect(Math.max(...after.mean.map(Math.abs))).toBeLessThan(1e-4);
    expect(Math.sqrt(spread)).toBeCloseTo(0.5, 1);
    expect(data.some((one) => one > 0.01)).toBe(true);
  });

  test('over one channel each give sums with a mean square of about 1', () => {
    const dims = [3000, 1, 5, 5];
    const many = {
      mean: Float64Array.from({ length: 3000 }, (_, i) => moments.mean[i % 30]!),
      variance: Float64Array.from({ length: 3000 }, (_, i) => moments.variance[i % 30]!),
    };
    const data = new Float32Array(3000 * 25);
    perChannelFilters(() => many, dims)(data, new Random(4));
    const squares = meanSquares(afterConvolution(many, data, dims, 3000));
    expect(squares.reduce((a, b) => a + b) / 3000).toBeCloseTo(1, 1);
  });
});

describe('seeded weights', () => {
  const make = (seed: number, name: string): Float32Array =>
    seededWeights(seed).tensor(name, [100, 100], uniform(0.2, 3)).data() as Float32Array;

  test('depend on the seed and the name alone', () => {
    expect(make(1, 'a')).toEqual(make(1, 'a'));
    expect(make(1, 'a')).not.toEqual(make(2, 'a'));
    expect(make(1, 'a')).not.toEqual(make(1, 'b'));
  });

  test('have the mean and the standard deviation that were asked for', () => {
    const data = make(1, 'a');
    const mean = data.reduce((a, b) => a + b) / data.length;
    const variance = data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length;
    expect(mean).toBeCloseTo(3, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(0.2, 2);
    expect(Math.max(...data)).toBeLessThanOrEqual(3 + 0.2 * Math.sqrt(3));
  });
});
