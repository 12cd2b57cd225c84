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
});
