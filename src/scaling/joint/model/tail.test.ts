import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tailOf } from './tail.ts';
import { quiet } from './wander.ts';

const wander = { sd: 0.1, forgetsMs: 2000 };

describe('tailOf', () => {
  it('lasts as it was seen on a quiet machine', () => {
    expect(tailOf(0.2, 1000, quiet, 0.95)).toEqual({ seen: 0.2, lasting: 0.2 });
  });

  it('adds what the mean of the calls seen wanders: the less, the longer they were seen', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 100_000 }),
        (seen, ms) => {
          const { lasting } = tailOf(seen, ms, wander, 0.95);
          expect(lasting).toBeGreaterThanOrEqual(seen);
          expect(lasting).toBeLessThanOrEqual(tailOf(seen, ms / 2, wander, 0.95).lasting);
        },
      ),
    );
    expect(tailOf(0, 1, wander, 0.95).lasting).toBeCloseTo(1.645 * 0.1, 3);
    expect(tailOf(0.1, 200_000, wander, 0.95).lasting).toBeCloseTo(0.1, 2);
  });
});
