import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../operating-point.ts';
import type { Slo } from '../slo.ts';
import { makeSlo } from '../slo.ts';
import { Measurement, defaultWindowPolicy } from './measurement.ts';

const slo = makeSlo(50);

/** Measures calls of one instance, one after the other, on a clock of its own. */
class Bench {
  nowMs = 0;
  readonly point: OperatingPoint;
  readonly measurement: Measurement;

  constructor(point: OperatingPoint = { batchSize: 1, instances: 1 }, callsToSkip = 0) {
    this.point = point;
    this.measurement = new Measurement(point, defaultWindowPolicy, 0, callsToSkip);
  }

  /** Adds calls of the given time each. */
  call(callMs: number, count = 1, rows = this.point.batchSize): this {
    for (let i = 0; i < count; i += 1) {
      const startedMs = this.nowMs;
      this.nowMs += callMs;
      this.measurement.recordCall(startedMs, this.nowMs, rows, () => startedMs);
    }
    return this;
  }

  isComplete(objective: Slo = slo, wants: 'percentile' | 'throughput' = 'percentile'): boolean {
    return this.measurement.isComplete(this.nowMs, objective, wants);
  }

  /** Calls of the given time until the window is complete, at most 10,000. */
  callsUntilComplete(
    callMs: number,
    objective: Slo = slo,
    wants: 'percentile' | 'throughput' = 'percentile',
  ): number {
    for (let calls = 1; calls <= 10_000; calls += 1) {
      if (this.call(callMs).isComplete(objective, wants)) return calls;
    }
    return Number.POSITIVE_INFINITY;
  }

  close(objective: Slo = slo) {
    return this.measurement.close(this.nowMs, objective);
  }
}

describe('a window that claims a percentile', () => {
  it.each([
    [0.5, 16],
    [0.9, 20],
    [0.95, 40],
    [0.99, 200],
    [0.999, 2000],
  ])('of %d has %d calls, however slow they are', (percentile, calls) => {
    expect(new Bench().callsUntilComplete(200, makeSlo(1000, percentile))).toBe(calls);
  });

  it('counts calls, not rows: those of one batch share their latency', () => {
    expect(new Bench({ batchSize: 64, instances: 1 }).callsUntilComplete(200, makeSlo(1000))).toBe(
      40,
    );
  });

  it('lasts a second when calls are fast', () => {
    expect(new Bench().callsUntilComplete(2)).toBe(500);
  });

  it('ends after a handful of calls when the SLO is broken beyond repair', () => {
    expect(new Bench().callsUntilComplete(400)).toBe(5);
    expect(new Bench().callsUntilComplete(400, makeSlo(50, 0.99))).toBe(5);
  });

  it('does not take a few bad calls at its start for the rest', () => {
    const bench = new Bench().call(60, 4);
    expect(bench.isComplete()).toBe(false);
    expect(bench.callsUntilComplete(40)).toBeGreaterThan(30);
  });

  it('goes on while the verdict is a close one, but not for ever', () => {
    const oneInTwenty = (bench: Bench): Bench => bench.call(40, 19).call(60);
    const bench = new Bench();
    oneInTwenty(oneInTwenty(bench));
    expect(bench.isComplete()).toBe(false);
    let calls = 40;
    while (!bench.isComplete() && calls < 1000) {
      oneInTwenty(bench);
      calls += 20;
    }
    expect(calls).toBe(120);
  });

  it('judges by the SLO of the moment, also the calls made under another', () => {
    const loose = makeSlo(100);
    const bench = new Bench().call(60, 10);
    expect(bench.isComplete(loose)).toBe(false);
    expect(bench.isComplete(slo)).toBe(true);
    expect(bench.isComplete(loose)).toBe(false);
    bench.call(60, 30);
    expect(bench.isComplete(loose)).toBe(true);
    expect(bench.close(loose)).toMatchObject({ calls: 40, rows: 40, withinSlo: 40 });
    bench.call(60, 40);
    expect(bench.close(slo)).toMatchObject({ calls: 40, withinSlo: 0 });
  });
});

describe('a window that measures throughput', () => {
  it('is content with eight calls', () => {
    expect(new Bench().callsUntilComplete(400, slo, 'throughput')).toBe(8);
  });

  it('has two calls of each instance at least', () => {
    const bench = new Bench({ batchSize: 1, instances: 10 });
    expect(bench.callsUntilComplete(400, slo, 'throughput')).toBe(20);
  });

  it('lasts a second', () => {
    expect(new Bench().callsUntilComplete(10, slo, 'throughput')).toBe(100);
  });
});

describe('after a change of the point', () => {
  it('the first call of each instance does not count, and the window starts after them', () => {
    const bench = new Bench({ batchSize: 4, instances: 3 }, 3);
    bench.call(900, 3).call(30, 40);
    const window = bench.close();
    expect(window).toMatchObject({ startMs: 2700, durationMs: 1200, calls: 40, rows: 160 });
    expect(Math.max(...window.executionMs)).toBeCloseTo(30);
    const observation = bench.measurement.observe(slo);
    expect(observation.requestLatency.count).toBe(160);
    expect(observation.throughputPerS).toBeCloseTo(160 / 1.2);
  });

  it('arrivals and failures before that do not count either', () => {
    const bench = new Bench(undefined, 1);
    bench.measurement.recordArrival();
    bench.measurement.recordFailure(3);
    bench.call(100).call(30, 40);
    bench.measurement.recordArrival();
    bench.measurement.recordFailure(2);
    expect(bench.close()).toMatchObject({ arrivals: 1, errors: 2 });
  });

  it('a point that has never answered is given up after eight failed calls and a second', () => {
    const bench = new Bench({ batchSize: 32, instances: 1 }, 1);
    for (let i = 0; i < 7; i += 1) bench.measurement.recordFailure(32);
    bench.nowMs = 5000;
    expect(bench.isComplete()).toBe(false);
    bench.measurement.recordFailure(32);
    expect(bench.isComplete()).toBe(true);
    expect(bench.isComplete(slo, 'throughput')).toBe(true);
    bench.close();
    expect(bench.measurement.observe(slo)).toMatchObject({
      calls: 0,
      rows: 0,
      throughputPerS: 0,
      batchFill: 0,
      busyShare: 0,
      errors: 256,
    });
  });

  it('a point that has answered is not given up for requests that fail', () => {
    const bench = new Bench().call(30);
    for (let i = 0; i < 100; i += 1) bench.measurement.recordFailure(1);
    bench.nowMs = 5000;
    expect(bench.isComplete()).toBe(false);
  });
});

describe('an observation', () => {
  it('joins the latest windows at its point, eight at most', () => {
    const bench = new Bench();
    for (let window = 1; window <= 12; window += 1) {
      bench.call(30, 40).close();
      const { calls, durationMs } = bench.measurement.observe(slo);
      expect(calls).toBe(40 * Math.min(window, 8));
      expect(durationMs).toBeCloseTo(30 * calls);
    }
  });

  it('joins no more than the verdict needs', () => {
    const bench = new Bench();
    for (let window = 0; window < 5; window += 1) bench.call(2, 500).close();
    expect(bench.measurement.observe(slo).calls).toBe(500);
    expect(bench.measurement.observe(makeSlo(50, 0.99)).calls).toBe(2000);
  });

  it('speaks of the SLO and the percentile of the moment', () => {
    const bench = new Bench().call(10, 30).call(20, 10);
    bench.close();
    expect(bench.measurement.observe(makeSlo(15, 0.5)).requestLatency.atPercentileMs).toBe(10);
    const observation = bench.measurement.observe(makeSlo(15, 0.9));
    expect(observation.requestLatency.atPercentileMs).toBe(20);
    expect(observation.slo).toEqual({ limitMs: 15, percentile: 0.9 });
  });

  it('does not join windows before and after a change of the speed of the machine', () => {
    const bench = new Bench();
    for (let i = 0; i < 6; i += 1) bench.call(30, 40).close();
    bench.call(45, 40).close();
    expect(bench.measurement.observe(slo).requestLatency.p50Ms).toBe(45);
    bench.call(48, 40).close();
    expect(bench.measurement.observe(slo).calls).toBe(80);
    bench.call(30, 40).close();
    expect(bench.measurement.observe(slo)).toMatchObject({ calls: 40 });
    for (const callMs of [33, 36, 39]) bench.call(callMs, 40).close();
    expect(bench.measurement.observe(slo)).toMatchObject({ calls: 40 });
  });

  it('tells how full batches were', () => {
    const bench = new Bench({ batchSize: 8, instances: 1 });
    bench.call(30, 20, 8).call(30, 20, 4).close();
    expect(bench.measurement.observe(slo).batchFill).toBeCloseTo(0.75);
  });

  it('finds instances busy that always are, though calls straddle the borders of windows', () => {
    const callTimes = fc.array(fc.double({ min: 5, max: 400, noNaN: true }), {
      minLength: 3,
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), callTimes, (instances, times) => {
        const measurement = new Measurement(
          { batchSize: 1, instances },
          defaultWindowPolicy,
          0,
          instances,
        );
        const endsMs = Array.from({ length: instances }, (_, i) => times[i % times.length] ?? 1);
        const startsMs = new Array<number>(instances).fill(0);
        const longestMs = Math.max(...times);
        for (let call = 0, windows = 0; windows < 8; call += 1) {
          const nowMs = Math.min(...endsMs);
          const next = endsMs.indexOf(nowMs);
          const startedMs = startsMs[next] ?? 0;
          measurement.recordCall(startedMs, nowMs, 1, () => startedMs);
          startsMs[next] = nowMs;
          endsMs[next] = nowMs + (times[call % times.length] ?? 1);
          if (!measurement.isComplete(nowMs, makeSlo(1000), 'percentile')) continue;
          measurement.close(nowMs, makeSlo(1000));
          windows += 1;
          const { busyShare, durationMs } = measurement.observe(makeSlo(1000));
          // What it can miss is the call that each instance has in work when it ends.
          expect(busyShare).toBeGreaterThan(1 - longestMs / durationMs - 1e-9);
          expect(busyShare).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('finds instances idle that are', () => {
    const bench = new Bench({ batchSize: 1, instances: 4 });
    bench.call(30, 40).close();
    expect(bench.measurement.observe(slo).busyShare).toBeCloseTo(0.25);
  });
});

describe('power', () => {
  /** Tells for which spans it was asked. */
  const meterOf = (answers: readonly (number | undefined)[]) => {
    const spans: [number, number][] = [];
    return {
      spans,
      name: 'test',
      trouble: null,
      meanWatts: (fromMs: number, toMs: number) => {
        spans.push([fromMs, toMs]);
        return answers[spans.length - 1];
      },
    };
  };

  it('is asked for once a window, for the time of the window alone', () => {
    const meter = meterOf([80, undefined, 120]);
    const point = { batchSize: 1, instances: 1 };
    const measurement = new Measurement(point, defaultWindowPolicy, 0, 2, meter);
    let nowMs = 0;
    const windows = [100, 100, 100].map((calls) => {
      for (let i = 0; i < calls; i += 1) {
        measurement.recordCall(nowMs, nowMs + 10, 1, () => nowMs);
        nowMs += 10;
      }
      return measurement.close(nowMs, slo);
    });
    // The calls that do not count, the first two, are not metered either.
    expect(meter.spans).toEqual([
      [20, 1000],
      [1000, 2000],
      [2000, 3000],
    ]);
    expect(windows.map(({ powerWatts }) => powerWatts)).toEqual([80, undefined, 120]);
    // Weighted by time, over the windows in which there was any.
    expect(measurement.observe(slo).powerWatts).toBeCloseTo((80 * 980 + 120 * 1000) / 1980);
  });

  it('is absent, and not 0, without a meter or a sample', () => {
    for (const meter of [undefined, meterOf([])]) {
      const point = { batchSize: 1, instances: 1 };
      const measurement = new Measurement(point, defaultWindowPolicy, 0, 0, meter);
      measurement.recordCall(0, 10, 1, () => 0);
      expect(measurement.close(10, slo)).not.toHaveProperty('powerWatts');
      expect(measurement.observe(slo)).not.toHaveProperty('powerWatts');
    }
  });
});
