import { describe, expect, it } from 'vitest';
import { BusyShare } from './busy-share.ts';

describe('BusyShare', () => {
  it('starts busy and follows what the instances do', () => {
    const busy = new BusyShare(100, 0);
    expect(busy.at(0)).toBe(1);
    busy.set(0, 2, 0);
    expect(busy.at(100)).toBeCloseTo(Math.exp(-1));
    busy.set(1, 2, 1000);
    expect(busy.at(2000)).toBeCloseTo(0.5, 3);
  });

  it('takes an engine without instances for a busy one', () => {
    const busy = new BusyShare(100, 0);
    busy.set(0, 0, 0);
    expect(busy.at(1000)).toBe(1);
  });
});
