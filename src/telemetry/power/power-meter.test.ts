import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PowerHistory } from './power-meter.ts';

describe('PowerHistory', () => {
  it('counts only samples within the span', () => {
    const history = new PowerHistory();
    for (const [ms, watts] of [
      [100, 50],
      [300, 100],
      [500, 200],
      [700, 999],
    ] as const) {
      history.add(ms, ms, watts);
    }
    expect(history.meanWatts(200, 600)).toBe(150);
    expect(history.meanWatts(300, 500)).toBe(150);
    expect(history.meanWatts(301, 499)).toBeUndefined();
    expect(history.meanWatts(800, 900)).toBeUndefined();
  });

  it('weighs samples by the time they cover, and drops those that reach out of the span', () => {
    const history = new PowerHistory();
    history.add(0, 100, 1000);
    history.add(100, 200, 10);
    history.add(200, 500, 50);
    history.add(500, 600, 1000);
    expect(history.meanWatts(50, 550)).toBe(40);
  });

  it('agrees with a plain mean over what it has room for', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        steps,
        fc.nat(70),
        fc.nat(70),
        fc.integer({ min: 1, max: 80 }),
        (watts, a, b, room) => {
          const history = new PowerHistory(room);
          watts.forEach((value, ms) => {
            history.add(ms, ms, value);
          });
          const [from, to] = [Math.min(a, b), Math.max(a, b)];
          const kept = watts.filter((_, ms) => ms >= from && ms <= to && ms >= watts.length - room);
          const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
          if (kept.length === 0) expect(history.meanWatts(from, to)).toBeUndefined();
          else expect(history.meanWatts(from, to)).toBeCloseTo(mean);
        },
      ),
    );
  });
});
