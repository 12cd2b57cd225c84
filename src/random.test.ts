import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random, chanceSeed } from './random.ts';

const draw = (random: Random, count: number, next: (random: Random) => number): number[] =>
  Array.from({ length: count }, () => next(random));

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('Random', () => {
  it('gives the same sequence for the same seed, on every machine', () => {
    const random = new Random(42);
    expect(draw(random, 4, (r) => r.nextUint32())).toEqual([
      1959603763, 2423114712, 2466933512, 4144396390,
    ]);
  });

  it('gives other sequences for other seeds, those that differ above 32 bits included', () => {
    const seeds = [0, 1, 2, -1, 2 ** 31, 2 ** 32, 2 ** 33, 3 * 2 ** 32];
    const first = seeds.map((seed) => draw(new Random(seed), 4, (r) => r.nextUint32()).join());
    expect(new Set(first).size).toBe(seeds.length);
  });

  it('stays in its ranges, whatever the seed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1e6 }), (seed, bound) => {
        const random = new Random(seed);
        const uniform = random.next();
        expect(uniform).toBeGreaterThanOrEqual(0);
        expect(uniform).toBeLessThan(1);
        const whole = random.integer(bound);
        expect(Number.isInteger(whole) && whole >= 0 && whole < bound).toBe(true);
        expect(random.exponential(3)).toBeGreaterThanOrEqual(0);
        expect(Number.isFinite(random.normal())).toBe(true);
      }),
    );
  });

  it('has the moments of its distributions', () => {
    const random = new Random(7);
    const uniform = draw(random, 50_000, (r) => r.next());
    expect(mean(uniform)).toBeCloseTo(0.5, 2);
    const normal = draw(random, 50_000, (r) => r.normal());
    expect(Math.abs(mean(normal))).toBeLessThan(0.02);
    expect(mean(normal.map((x) => x * x))).toBeCloseTo(1, 1);
    expect(normal.filter((x) => x > 1.6449).length / normal.length).toBeCloseTo(0.05, 2);
    const exponential = draw(random, 50_000, (r) => r.exponential(20));
    expect(Math.abs(mean(exponential) - 20)).toBeLessThan(0.5);
  });

  it('shuffles in place, keeps every item and reaches every order', () => {
    const random = new Random(3);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6_000; i += 1) {
      const items = ['a', 'b', 'c'];
      expect(random.shuffle(items)).toBe(items);
      counts.set(items.join(''), (counts.get(items.join('')) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('forks generators that are repeatable and do not repeat their parent', () => {
    const fork = (): number[] => draw(new Random(5).fork(), 8, (r) => r.nextUint32());
    expect(fork()).toEqual(fork());
    const parent = new Random(5);
    const child = parent.fork();
    expect(child.nextUint32()).not.toBe(parent.nextUint32());
  });
});

describe('chanceSeed', () => {
  it('is a whole number that can be printed and typed again', () => {
    const seed = chanceSeed();
    expect(Number.isSafeInteger(seed)).toBe(true);
    expect(seed).toBeGreaterThanOrEqual(0);
    expect(seed).toBeLessThan(2 ** 31);
  });
});
