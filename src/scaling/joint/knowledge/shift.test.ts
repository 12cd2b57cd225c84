import { describe, expect, it } from 'vitest';
import type { LatencyBelief } from '../model/belief.ts';
import type { Reading } from './readings.ts';
import { isSurprising, shiftBetween } from './shift.ts';

function reading(latencyMs: number, parts: Partial<Reading> = {}): Reading {
  const place = { batchSize: 4, instances: 2, latencyMs, relativeSd: 0.01 };
  return {
    point: { batchSize: 4, instances: 2 },
    ...place,
    ...{ calls: 100, logTail: 0.1, tailMs: 1000, tailCalls: 100, isStale: false },
    newest: { ...place, startMs: 0, endMs: 1000 },
    ...parts,
  };
}

describe('shiftBetween', () => {
  it('is undefined where nothing changed, or little', () => {
    expect(shiftBetween(reading(10), reading(10.9), 0.1, 0)).toBeUndefined();
    expect(shiftBetween(reading(10), reading(9.1), 0.1, 0)).toBeUndefined();
  });

  it('tells by how much calls take longer or less', () => {
    const slower = shiftBetween(reading(10), reading(15), 0.1, 0);
    expect(slower?.logShift).toBeCloseTo(Math.log(1.5));
    expect(slower?.isOfTail).toBe(false);
    expect(shiftBetween(reading(15), reading(10), 0.1, 0)?.logShift).toBeCloseTo(-Math.log(1.5));
  });

  it('takes for chance what the speed wanders by itself, but never more than 1.3 times', () => {
    expect(shiftBetween(reading(10), reading(12.4), 0.1, 0.06)).toBeUndefined();
    expect(shiftBetween(reading(10), reading(12.4), 0.1, 0.03)).toBeDefined();
    expect(shiftBetween(reading(10), reading(14), 0.1, 0.5)).toBeDefined();
  });

  it('notices a tail that grew, and leaves the mean alone where that did not', () => {
    const shift = shiftBetween(reading(10), reading(10.2, { logTail: 0.5 }), 0.1, 0);
    expect(shift).toMatchObject({ logShift: 0, isOfTail: true });
    const both = shiftBetween(reading(10), reading(13, { logTail: 0.5 }), 0.1, 0);
    expect(both?.isOfTail).toBe(true);
    expect(both?.logShift).toBeCloseTo(Math.log(1.3));
  });

  it('takes a tail that is as it was for none that grew, whatever the mean did', () => {
    expect(shiftBetween(reading(10), reading(15, { logTail: 0.101 }), 0.1, 0)?.isOfTail).toBe(
      false,
    );
  });

  it('remembers what full batches told where the next ones are not', () => {
    const full = reading(10);
    const part = reading(20, { batchSize: 2 });
    expect(shiftBetween(full, part, 0.1, 0)).toMatchObject({ logShift: 0, reading: full });
    expect(shiftBetween(part, full, 0.1, 0)).toMatchObject({ logShift: 0, reading: full });
  });
});

describe('isSurprising', () => {
  const belief = (sd: number): LatencyBelief => ({
    count: 1,
    shares: Float64Array.of(1),
    logMs: Float64Array.of(Math.log(10)),
    sds: Float64Array.of(sd),
  });

  it('is what lies beyond three standard deviations of what was expected', () => {
    expect(isSurprising(reading(11), belief(0.02))).toBe(true);
    expect(isSurprising(reading(11), belief(0.05))).toBe(false);
    expect(isSurprising(reading(9), belief(0.02))).toBe(true);
  });

  it('is always what is 1.3 times off', () => {
    expect(isSurprising(reading(13.1), belief(0.3))).toBe(true);
    expect(isSurprising(reading(12.9), belief(0.3))).toBe(false);
  });
});
