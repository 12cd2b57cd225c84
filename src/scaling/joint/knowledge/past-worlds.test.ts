import { describe, expect, it } from 'vitest';
import { PastWorlds } from './past-worlds.ts';
import type { TimedReading } from '../model/point-reading.ts';
import type { Reading } from './readings.ts';
import { Readings } from './readings.ts';

let seconds = 0;

/** A window of a second, after all others. */
function newestOf(batchSize: number, latencyMs: number): TimedReading {
  seconds += 1;
  const startMs = 1000 * seconds;
  return { batchSize, instances: 1, latencyMs, relativeSd: 0.01, startMs, endMs: startMs + 1000 };
}

function reading(batchSize: number, latencyMs: number): Reading {
  return {
    point: { batchSize, instances: 1 },
    ...{ batchSize, instances: 1, latencyMs, relativeSd: 0.01, calls: 100 },
    ...{ logTail: 0.1, tailMs: 1000, tailCalls: 100, isStale: false },
    newest: newestOf(batchSize, latencyMs),
  };
}

/** Calls of 2 ms and 1 ms a row, all of them so many times as long. */
function readingsAt(slowdown: number, batchSizes: readonly number[] = [1, 2, 4, 8, 16]): Readings {
  const readings = new Readings();
  for (const batchSize of batchSizes)
    readings.record(reading(batchSize, slowdown * (2 + batchSize)));
  return readings;
}

describe('PastWorlds', () => {
  it('gives back what was known when a point is read as it was then', () => {
    const past = new PastWorlds();
    past.add(readingsAt(1));
    const found = past.exchange(reading(4, 6.1), readingsAt(1.6));
    expect(found?.at({ batchSize: 16, instances: 1 })?.latencyMs).toBe(18);
  });

  it('knows a world by a point that was never read in it', () => {
    const past = new PastWorlds();
    past.add(readingsAt(1));
    expect(past.exchange(reading(6, 8.1), readingsAt(1.6))).toBeDefined();
  });

  it('leaves alone what the present explains, and what no world does', () => {
    const past = new PastWorlds();
    past.add(readingsAt(1));
    expect(past.exchange(reading(4, 9.6), readingsAt(1.6))).toBeUndefined();
    expect(past.exchange(reading(4, 20), readingsAt(1.6))).toBeUndefined();
  });

  it('keeps the present for when it comes again', () => {
    const past = new PastWorlds();
    past.add(readingsAt(1));
    const fast = past.exchange(reading(4, 6), readingsAt(1.6)) as Readings;
    const slow = past.exchange(reading(8, 16), fast);
    expect(slow?.at({ batchSize: 1, instances: 1 })?.latencyMs).toBeCloseTo(4.8);
    expect(past.exchange(reading(8, 10), slow as Readings)).toBeDefined();
  });

  it('takes no world that hardly knows the point, nor one seen at another load', () => {
    const past = new PastWorlds();
    past.add(readingsAt(1, [1]));
    expect(past.exchange(reading(16, 20), readingsAt(1.6))).toBeUndefined();
    const idle = readingsAt(1);
    idle.record({ ...reading(4, 30), batchSize: 2, newest: newestOf(2, 30) }, true);
    past.add(idle);
    expect(past.exchange(reading(4, 30), readingsAt(1.6))).toBeUndefined();
  });

  it('takes the world that fits best', () => {
    const past = new PastWorlds();
    past.add(readingsAt(1));
    past.add(readingsAt(1.04));
    const found = past.exchange(reading(6, 8), readingsAt(1.6));
    expect(found?.at({ batchSize: 8, instances: 1 })?.latencyMs).toBe(10);
  });

  it('does not keep a world of which most is guessed, nor any for another percentile', () => {
    const past = new PastWorlds();
    const readings = readingsAt(1);
    readings.shift(Math.log(1.3));
    past.add(readings);
    expect(past.exchange(reading(4, 6 * 1.3), readingsAt(2))).toBeUndefined();
    past.add(readingsAt(1));
    past.forget();
    expect(past.exchange(reading(4, 6), readingsAt(2))).toBeUndefined();
  });

  it('is not changed by what is read later', () => {
    const past = new PastWorlds();
    const readings = readingsAt(1);
    past.add(readings);
    readings.shift(Math.log(1.6));
    const found = past.exchange(reading(4, 6), readings);
    expect(found?.at({ batchSize: 8, instances: 1 })?.latencyMs).toBe(10);
  });

  it('forgets the oldest', () => {
    const past = new PastWorlds();
    for (const slowdown of [1, 2, 4, 8]) past.add(readingsAt(slowdown));
    expect(past.exchange(reading(4, 6), readingsAt(16))).toBeUndefined();
    expect(past.exchange(reading(4, 12), readingsAt(16))).toBeDefined();
  });
});
