import { describe, expect, it } from 'vitest';
import { meanLogMs } from '../model/belief.ts';
import type { TimedReading } from '../model/point-reading.ts';
import type { Reading } from './readings.ts';
import { Readings } from './readings.ts';
import { nearFuture } from '../model/wander.ts';

let seconds = 0;

/** A window of a second, after all others. */
function newestOf(batchSize: number, latencyMs: number): TimedReading {
  seconds += 1;
  const startMs = 1000 * seconds;
  return { batchSize, instances: 1, latencyMs, relativeSd: 0.01, startMs, endMs: startMs + 1000 };
}

function reading(batchSize: number, latencyMs: number, parts: Partial<Reading> = {}): Reading {
  return {
    point: { batchSize, instances: 1 },
    ...{ batchSize, instances: 1, latencyMs, relativeSd: 0.01, calls: 100 },
    ...{ logTail: 0.1, tailMs: 1000, tailCalls: 100, isStale: false },
    newest: newestOf(parts.batchSize ?? batchSize, latencyMs),
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

  it('take a tail seen for long for one that lasts, and one seen for a moment for less', () => {
    const readings = new Readings();
    readings.record(reading(8, 40, { tailMs: 60_000, tailCalls: 10_000 }));
    const brief = readings.record(reading(1, 10, { tailMs: 500, tailCalls: 1000 }));
    const wander = { sd: 0.1, forgetsMs: 2000 };
    const common = readings.tail(wander, 0.95);
    expect(common.seen).toBeCloseTo(0.1);
    expect(common.lasting).toBeLessThan(0.12);
    expect(readings.tailAt(brief, wander, 0.95).lasting).toBeGreaterThan(common.lasting + 0.01);
  });

  it('hardly count in the common tail once tails have changed', () => {
    const readings = new Readings();
    readings.record(reading(8, 40, { logTail: 0.1 }));
    readings.doubtTails();
    readings.record(reading(1, 10, { logTail: 0.5 }));
    expect(readings.logTail).toBeGreaterThan(0.4);
  });

  it('take longer after a change of speed, in the model, too', () => {
    const readings = new Readings();
    readings.record(reading(1, 10));
    readings.record(reading(8, 40));
    readings.shift(Math.log(1.5));
    const callMs = Math.exp(meanLogMs(readings.model(nearFuture(9e6)).predict(8, 1)));
    expect(callMs).toBeCloseTo(60, -1);
    expect(readings.fastestOf(() => true)?.latencyMs).toBeCloseTo(15);
  });
});
