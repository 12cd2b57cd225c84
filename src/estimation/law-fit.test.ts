import { describe, expect, it } from 'vitest';
import type { Anchor } from './anchor.ts';
import { besides } from './anchor.ts';
import type { Example } from './law-fit.ts';
import { averageLaw, fitLaw } from './law-fit.ts';
import type { LawShape } from './two-resource-law.ts';
import { twoResourceLaw } from './two-resource-law.ts';

const counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

function exampleOf(shape: LawShape, nearMs: number, farMs: number): Example {
  const span = {
    near: { instances: 1, latencyMs: nearMs },
    far: { instances: 8, latencyMs: farMs },
  };
  const law = twoResourceLaw(shape, span);
  const cells: Anchor[] = counts.map((n) => ({ instances: n, latencyMs: Math.exp(law(n)) }));
  return { span, others: besides(span, cells), weight: 1 };
}

describe('fitLaw', () => {
  it.each([
    { decline: 0, sharpness: 1 },
    { decline: 0, sharpness: 8 },
    { decline: 0.1, sharpness: 4 },
    { decline: 0.2, sharpness: 2 },
  ])('finds the shape that examples were made with: %j', (shape) => {
    const examples = [
      exampleOf(shape, 10, 15),
      exampleOf(shape, 10, 30),
      exampleOf(shape, 10, 20),
      exampleOf(shape, 700, 2000),
    ];
    const likely = fitLaw(examples);
    expect(likely.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    const unseen = exampleOf(shape, 3, 7);
    const law = averageLaw(likely, unseen.span);
    for (const { instances, latencyMs } of unseen.others) {
      expect(Math.abs(law(instances) - Math.log(latencyMs))).toBeLessThan(0.03);
    }
  });

  it('knows nothing without examples: every shape is as likely', () => {
    const likely = fitLaw([]);
    expect(new Set(likely.map(({ share }) => share)).size).toBe(1);
  });

  it('listens to examples by their weight', () => {
    const strong = { ...exampleOf({ decline: 0.2, sharpness: 8 }, 10, 20), weight: 1 };
    const weak = { ...exampleOf({ decline: 0, sharpness: 1 }, 10, 20), weight: 0.01 };
    const law = averageLaw(fitLaw([strong, weak]), strong.span);
    const truth = twoResourceLaw({ decline: 0.2, sharpness: 8 }, strong.span);
    expect(law(4)).toBeCloseTo(truth(4), 1);
  });
});
