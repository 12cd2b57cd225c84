import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../../operating-point.ts';
import { Random } from '../../random.ts';
import type { Reading } from './readings.ts';
import { PointVolatility } from './volatility.ts';

const here: OperatingPoint = { batchSize: 4, instances: 2 };

function reading(latencyMs: number, parts: Partial<Reading> = {}): Reading {
  return {
    point: here,
    ...{ batchSize: 4, instances: 2, latencyMs, relativeSd: 0.004 },
    ...{ calls: 100, logTail: 0.1, tailCalls: 100, isStale: false },
    ...parts,
  };
}

/** One window each. */
function noteEach(volatility: PointVolatility, latenciesMs: readonly number[]): void {
  for (const latencyMs of latenciesMs) {
    volatility.note(reading(latencyMs), {});
  }
}

describe('PointVolatility', () => {
  it('finds by how much the speed wanders', () => {
    const random = new Random(3);
    const volatility = new PointVolatility();
    noteEach(
      volatility,
      Array.from({ length: 13 }, () => 10 * Math.exp(0.08 * random.normal())),
    );
    expect(volatility.sd).toBeGreaterThan(0.04);
    expect(volatility.sd).toBeLessThan(0.16);
    expect(volatility.widen(0.1, 0.95)).toBeGreaterThan(0.1);
    expect(volatility.widen(0.1, 0.99)).toBeGreaterThan(volatility.widen(0.1, 0.95));
    expect(volatility.widen(0.1, 0.5)).toBeCloseTo(0.1);
  });

  it('is none on a quiet machine, nor after one change of its speed', () => {
    const volatility = new PointVolatility();
    noteEach(volatility, [10, 10.02, 9.98, 10.01, 15, 15.02, 14.99]);
    expect(volatility.sd).toBeLessThan(0.005);
    expect(volatility.widen(0.1, 0.95)).toBeCloseTo(0.1, 3);
  });

  it('says nothing of a few windows', () => {
    const volatility = new PointVolatility();
    noteEach(volatility, [10, 12, 9]);
    expect(volatility.sd).toBe(0);
  });

  it('is none after one change that is met at many points', () => {
    const volatility = new PointVolatility();
    const points = [1, 2, 4, 8].map((batchSize) => ({ batchSize, instances: 2 }));
    const noteAll = (factor: number): void => {
      for (const point of points) {
        const { batchSize } = point;
        volatility.note(reading(factor * batchSize, { point, batchSize }), {});
      }
    };
    noteAll(1);
    volatility.note(reading(1.5, { point: points[0]!, batchSize: 1 }), {});
    volatility.shift(Math.log(1.5), points[0]!);
    noteAll(1.5);
    expect(volatility.sd).toBeLessThan(0.01);
  });

  it('compares single windows, though an observation spans several', () => {
    const volatility = new PointVolatility();
    for (const meanMs of [10, 12, 10, 12, 10]) {
      volatility.note(reading(11, { calls: 500 }), { newestWindow: { calls: 100, meanMs } });
    }
    const step = Math.log(12 / 10);
    expect(volatility.sd).toBeCloseTo(step / 0.6745 / Math.SQRT2, 2);
  });

  it('leaves out points that are idle in part', () => {
    const volatility = new PointVolatility();
    for (const latencyMs of [10, 12, 9, 13, 8]) {
      volatility.note(reading(latencyMs, { batchSize: 2 }), {});
    }
    expect(volatility.sd).toBe(0);
  });
});
