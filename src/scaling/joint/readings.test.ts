import { describe, expect, it } from 'vitest';
import type { Reading } from './readings.ts';
import { Readings } from './readings.ts';

function reading(batchSize: number, latencyMs: number, parts: Partial<Reading> = {}): Reading {
  return {
    point: { batchSize, instances: 1 },
    ...{ batchSize, instances: 1, latencyMs, relativeSd: 0.01, calls: 100 },
    ...{ logTail: 0.1, tailCalls: 100, isStale: false },
    ...parts,
  };
}

describe('Readings', () => {
  it('move with the mean of a point that is read again', () => {
    const readings = new Readings();
    readings.record(reading(8, 40));
    readings.record(reading(1, 10));
    for (let i = 0; i < 30; i += 1) readings.record(reading(1, 8));
    expect(readings.at({ batchSize: 1, instances: 1 })?.latencyMs).toBeCloseTo(8, 1);
    expect(readings.at({ batchSize: 8, instances: 1 })?.latencyMs).toBeCloseTo(32, 0);
  });

  it('stay where they are while only the load differs', () => {
    const readings = new Readings();
    readings.record(reading(8, 40));
    readings.record(reading(4, 20));
    readings.record(reading(4, 12, { batchSize: 2 }));
    expect(readings.at({ batchSize: 8, instances: 1 })?.latencyMs).toBe(40);
  });

  it('count for less in the common tail the older they are', () => {
    const readings = new Readings();
    readings.record(reading(8, 40, { logTail: 0.5 }));
    expect(readings.logTail).toBeCloseTo(0.5);
    for (let i = 0; i < 40; i += 1) readings.record(reading(1, 10, { tailCalls: 2, logTail: 0.1 }));
    expect(readings.logTail).toBeLessThan(0.2);
  });
});
