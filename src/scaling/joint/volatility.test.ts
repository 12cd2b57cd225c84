import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../../operating-point.ts';
import { Random } from '../../random.ts';
import type { Reading } from './readings.ts';
import { Volatility } from './volatility.ts';

const here: OperatingPoint = { batchSize: 4, instances: 2 };

function reading(latencyMs: number, parts: Partial<Reading> = {}): Reading {
  return {
    point: here,
    ...{ batchSize: 4, instances: 2, latencyMs, relativeSd: 0.004 },
    ...{ calls: 100, logTail: 0.1, tailCalls: 100, isStale: false },
    ...parts,
  };
}

/** Windows apart from each other, as after leaving and coming back. */
function noteEach(volatility: Volatility, latenciesMs: readonly number[]): void {
  for (const latencyMs of latenciesMs) {
    volatility.note(reading(1, { point: { batchSize: 1, instances: 1 }, batchSize: 0.5 }));
    volatility.note(reading(latencyMs));
  }
}

describe('Volatility', () => {
  it('finds by how much the speed wanders', () => {
    const random = new Random(3);
    const volatility = new Volatility();
    noteEach(
      volatility,
      Array.from({ length: 13 }, () => 10 * Math.exp(0.08 * random.normal())),
    );
    expect(volatility.sd).toBeGreaterThan(0.04);
    expect(volatility.sd).toBeLessThan(0.16);
    expect(volatility.widen(0.1)).toBeGreaterThan(0.1);
  });

  it('is none on a quiet machine, nor after one change of its speed', () => {
    const volatility = new Volatility();
    noteEach(volatility, [10, 10.02, 9.98, 10.01, 15, 15.02, 14.99]);
    expect(volatility.sd).toBeLessThan(0.005);
    expect(volatility.widen(0.1)).toBeCloseTo(0.1, 3);
  });

  it('says nothing of a few windows', () => {
    const volatility = new Volatility();
    noteEach(volatility, [10, 12, 9]);
    expect(volatility.sd).toBe(0);
  });

  it('tells the windows apart that one observation spans', () => {
    const volatility = new Volatility();
    // 100 calls more each time, of 10, 12, 10, 12 and 10 ms.
    const means = [10, 11, 32 / 3, 11, 54 / 5];
    means.forEach((latencyMs, i) => {
      volatility.note(reading(latencyMs, { calls: 100 * (i + 1) }));
    });
    const step = Math.log(12 / 10);
    expect(volatility.sd).toBeCloseTo(step / 0.6745 / Math.SQRT2, 2);
  });

  it('leaves out windows that others have dropped out of, and points in part idle', () => {
    const volatility = new Volatility();
    for (const latencyMs of [10, 12, 9, 13, 8]) volatility.note(reading(latencyMs));
    for (const latencyMs of [10, 12, 9, 13, 8]) {
      volatility.note(reading(latencyMs, { calls: 50, batchSize: 2 }));
    }
    expect(volatility.sd).toBe(0);
  });
});
