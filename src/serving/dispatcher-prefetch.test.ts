import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { DispatcherBench } from './testing/dispatcher-bench.ts';

describe('handing over ahead of time', () => {
  /** A call has been seen, of 10 ms unless told. */
  function startKnown(
    batchSize: number,
    instances: number,
    sloLimitMs?: number,
    callMs = 10,
  ): DispatcherBench<VirtualClock> {
    const bench = new DispatcherBench(new VirtualClock(), batchSize, instances, sloLimitMs);
    bench.submit(...new Array<number>(batchSize).fill(0));
    bench.clock.runUntil(callMs);
    bench.engine.running[0]?.answer();
    bench.settled.length = 0;
    bench.engine.prefetchRoom = instances;
    return bench;
  }

  it('takes whole batches, and leaves the others in the queue', () => {
    const bench = startKnown(2, 1);
    bench.submit(1, 2, 3, 4, 5, 6, 7);
    expect(bench.running).toEqual([[1, 2]]);
    expect(bench.waiting).toEqual([[3, 4]]);
    expect(bench.dispatcher.queued).toBe(3);
    expect(bench.dispatcher.inFlight).toBe(2);
    bench.engine.running[0]?.answer();
    expect(bench.running).toEqual([[3, 4]]);
    expect(bench.waiting).toEqual([[5, 6]]);
    bench.engine.running[0]?.answer();
    expect(bench.running).toEqual([[5, 6]]);
    expect(bench.waiting).toEqual([]);
  });

  it('begins only where no instance is free', () => {
    const bench = startKnown(2, 2);
    bench.submit(1, 2, 3, 4, 5, 6);
    expect(bench.running).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(bench.waiting).toEqual([[5, 6]]);
  });

  it('counts a call from when its instance began with it', () => {
    const bench = startKnown(1, 1);
    const calls: (number | undefined)[][] = [];
    for (const row of [1, 2]) {
      bench.dispatcher.submit(row, (_, __, call) => calls.push([call?.startedMs, call?.endedMs]));
    }
    bench.clock.runUntil(25);
    bench.engine.running[0]?.answer();
    bench.clock.runUntil(37);
    bench.engine.running[0]?.answer();
    expect(calls).toEqual([
      [10, 25],
      [25, 37],
    ]);
  });

  it('is left alone among several instances where a call takes a good part of the SLO', () => {
    const waitingAt = (instances: number, sloLimitMs: number): number => {
      const bench = startKnown(1, instances, sloLimitMs);
      bench.submit(1, 2, 3);
      return bench.waiting.length;
    };
    expect(waitingAt(2, 39)).toBe(0);
    expect(waitingAt(2, 40)).toBe(1);
    expect(waitingAt(1, 12)).toBe(1);
  });

  it('is left alone where calls are long, or how long is not known', () => {
    for (const [callMs, expected] of [
      [100, [[2]]],
      [101, []],
    ] as const) {
      const bench = startKnown(1, 1, 1000, callMs);
      bench.submit(1, 2);
      expect(bench.waiting).toEqual(expected);
    }
    const unknown = new DispatcherBench(new VirtualClock(), 1, 1);
    unknown.engine.prefetchRoom = 1;
    unknown.submit(1, 2);
    expect(unknown.waiting).toEqual([]);
  });

  it('stops where rows of another shape have waited their time', () => {
    const bench = startKnown(2, 1);
    bench.engine.batchKey = (row) => (row < 100 ? 'a' : 'b');
    bench.submit(1, 2, 3, 4, 100);
    expect([bench.running, bench.waiting]).toEqual([[[1, 2]], [[3, 4]]]);
    bench.clock.runUntil(bench.clock.nowMs() + 95);
    bench.submit(5, 6, 7, 8);
    bench.engine.running[0]?.answer();
    expect([bench.running, bench.waiting]).toEqual([[[3, 4]], []]);
    bench.engine.running[0]?.answer();
    expect([bench.running, bench.waiting]).toEqual([[[100]], [[5, 6]]]);
  });

  it('takes the time of a run from the engine where that knows it', () => {
    const bench = startKnown(1, 1);
    const calls: (number | undefined)[][] = [];
    for (const row of [1, 2]) {
      bench.dispatcher.submit(row, (_, __, call) => calls.push([call?.startedMs, call?.endedMs]));
    }
    // This thread is late: it hears of both at once.
    bench.clock.runUntil(40);
    bench.engine.running[0]?.answer(15);
    bench.engine.running[0]?.answer(12);
    expect(calls).toEqual([
      [10, 40],
      [28, 40],
    ]);
  });

  it('comes after batches that lost their instance', () => {
    const bench = startKnown(1, 2);
    bench.submit(1, 2, 3);
    bench.engine.waiting[0]?.end('instance-lost');
    bench.engine.running[0]?.end('instance-lost');
    expect(bench.waiting).toEqual([]);
    bench.engine.running[0]?.answer();
    expect(bench.running).toEqual([[3]]);
  });

  it('does not blame a batch that only waited for the death of its instance', () => {
    const bench = startKnown(1, 1);
    bench.submit(1, 2);
    for (let i = 0; i < 5; i += 1) {
      bench.engine.running[0]?.answer();
      bench.submit(100 + i);
      expect(bench.waiting).toHaveLength(1);
      bench.engine.waiting[0]?.end('instance-lost');
      bench.engine.prefetchRoom = 1;
    }
    while (bench.engine.running.length > 0) bench.engine.running[0]?.answer();
    expect(bench.settled.filter(({ error }) => error !== null)).toEqual([]);
    expect(bench.settled).toHaveLength(7);
    expect(bench.failedBatches).toEqual([]);
  });
});
