import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../random.ts';
import { seededWeights, uniform } from '../weights.ts';
import { samePadding } from './window.ts';
import { afterActivation, afterConvolution, meanSquareAfter, uniformMoments } from './moments.ts';

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
