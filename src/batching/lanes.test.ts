import { describe, expect, it } from 'vitest';
import { Lanes } from './lanes.ts';

interface Request {
  readonly arrivalMs: number;
  dropped: boolean;
}

function at(arrivalMs: number): Request {
  return { arrivalMs, dropped: false };
}

describe('Lanes', () => {
  it('serves the lane whose oldest request has waited longest', () => {
    const lanes = new Lanes<Request>();
    lanes.push('b', at(2));
    const lane = lanes.push('a', at(1));
    lanes.push('b', at(3));
    expect(lanes.length).toBe(3);
    expect(lanes.oldest()).toBe(lane);
    expect(lane.take(8)).toEqual([at(1)]);
    expect(lanes.oldest()?.take(8)).toEqual([at(2), at(3)]);
    expect(lanes.oldest()).toBeUndefined();
  });

  it('finds the lanes that fill a batch', () => {
    const lanes = new Lanes<Request>();
    lanes.push('a', at(1));
    const full = lanes.push('b', at(2));
    lanes.push('b', at(3));
    expect(lanes.oldestFull(2)).toBe(full);
    expect(lanes.oldestFull(3)).toBeUndefined();
  });

  it('does not count what was dropped', () => {
    const lanes = new Lanes<Request>();
    const first = at(1);
    const lane = lanes.push('a', first);
    lanes.push('a', at(2));
    lane.drop(first);
    expect(lanes.length).toBe(1);
    expect(lanes.oldestFull(2)).toBeUndefined();
    expect(lanes.takeAll()).toEqual([at(2)]);
  });

  it('forgets lanes that ran empty when others come', () => {
    const lanes = new Lanes<Request>();
    const first = lanes.push('a', at(1));
    first.take(1);
    lanes.push('b', at(2));
    expect(lanes.push('a', at(3))).not.toBe(first);
  });
});
