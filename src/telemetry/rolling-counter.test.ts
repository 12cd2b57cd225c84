import { describe, expect, it } from 'vitest';
import { RollingCounter } from './rolling-counter.ts';

describe('RollingCounter', () => {
  it('forgets what is older than its window', () => {
    const counter = new RollingCounter(3);
    expect(counter.total(0)).toBe(0);
    counter.add(1, 500);
    counter.add(2, 900);
    counter.add(4, 2100);
    expect(counter.total(2999)).toBe(7);
    expect(counter.total(3000)).toBe(4);
    counter.add(8, 3500);
    expect(counter.total(4999)).toBe(12);
    expect(counter.total(60_000)).toBe(0);
  });

  it('gives a rate over the time that it has watched, at most its window', () => {
    const counter = new RollingCounter(60, 5000);
    counter.add(10, 5100);
    expect(counter.perS(5200)).toBe(10);
    counter.add(30, 9000);
    expect(counter.perS(9000)).toBe(10);
    for (let ms = 9500; ms < 200_000; ms += 500) {
      counter.add(7, ms);
      if (ms > 70_000) expect(Math.abs(counter.perS(ms + 400) / 14 - 1)).toBeLessThan(0.02);
    }
    expect(counter.perS(500_000)).toBe(0);
  });
});
