import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Span } from './anchor.ts';
import { timeSlicingLaw, twoResourceLaw } from './two-resource-law.ts';

const span = (near: number, nearMs: number, far: number, farMs: number): Span => ({
  near: { instances: near, latencyMs: nearMs },
  far: { instances: far, latencyMs: farMs },
});

const spans = fc
  .record({
    near: fc.integer({ min: 1, max: 200 }),
    steps: fc.integer({ min: 1, max: 2000 }),
    nearMs: fc.double({ min: 1e-4, max: 1e6, noNaN: true }),
    growth: fc.double({ min: -12, max: 12, noNaN: true }),
  })
  .map(({ near, steps, nearMs, growth }) =>
    span(near, nearMs, near + steps, nearMs * Math.exp(growth)),
  );
const shapes = fc.record({
  decline: fc.double({ min: 0, max: 0.3, noNaN: true }),
  sharpness: fc.double({ min: 1, max: 40, noNaN: true }),
});

describe('twoResourceLaw', () => {
  it('passes through both ends of any span, in any shape', () => {
    fc.assert(
      fc.property(spans, shapes, ({ near, far }, shape) => {
        const law = twoResourceLaw(shape, { near, far });
        expect(law(near.instances)).toBeCloseTo(Math.log(near.latencyMs), 6);
        expect(law(far.instances)).toBeCloseTo(Math.log(far.latencyMs), 6);
      }),
    );
  });

  it('has no NaN anywhere on a span or well beyond it', () => {
    fc.assert(
      fc.property(spans, shapes, fc.integer({ min: 1, max: 5000 }), (ends, shape, count) => {
        expect(twoResourceLaw(shape, ends)(count)).not.toBeNaN();
      }),
    );
  });

  it('is a sum of a constant and a slice per instance at sharpness 1', () => {
    const law = twoResourceLaw({ decline: 0, sharpness: 1 }, span(1, 12, 8, 26));
    expect([2, 5, 10].map((n) => Math.exp(law(n)))).toEqual(
      [14, 20, 30].map((ms) => expect.closeTo(ms, 9) as unknown),
    );
  });

  it('nears the time-slicing law as the corner sharpens', () => {
    const ends = span(1, 10, 8, 20);
    const law = twoResourceLaw({ decline: 0, sharpness: 400 }, ends);
    const slicing = timeSlicingLaw(ends);
    for (let n = 1; n <= 10; n += 1) expect(law(n)).toBeCloseTo(slicing(n), 2);
  });

  it('changes little when growth crosses the borders of the family', () => {
    const shape = { decline: 0.1, sharpness: 3 };
    for (const border of [80, 10 * Math.exp(-0.7)]) {
      const inside = twoResourceLaw(shape, span(1, 10, 8, border * 0.9999));
      const outside = twoResourceLaw(shape, span(1, 10, 8, border * 1.0001));
      for (let n = 1; n <= 10; n += 1) expect(inside(n)).toBeCloseTo(outside(n), 2);
    }
  });
});

describe('timeSlicingLaw', () => {
  it('is flat up to the corner and proportional to instances beyond', () => {
    const law = timeSlicingLaw(span(1, 10, 8, 20));
    expect([1, 3, 4, 5, 8, 12].map((n) => Math.exp(law(n)))).toEqual(
      [10, 10, 10, 12.5, 20, 30].map((ms) => expect.closeTo(ms, 9) as unknown),
    );
  });
});
