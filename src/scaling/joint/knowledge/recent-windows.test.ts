import { describe, expect, it } from 'vitest';
import { meanLogMs } from '../model/belief.ts';
import type { WindowReading } from './recent-windows.ts';
import { RecentWindows } from './recent-windows.ts';
import { nearFuture } from '../model/wander.ts';

function windowAt(second: number, batchSize: number, latencyMs: number): WindowReading {
  return {
    point: { batchSize, instances: 1 },
    ...{ batchSize, instances: 1, latencyMs, relativeSd: 0.005 },
    ...{ startMs: 1000 * second, endMs: 1000 * second + 1000 },
  };
}

function predictedMs(windows: RecentWindows, batchSize: number, nowMs = 100_000): number {
  return Math.exp(meanLogMs(windows.model(nearFuture(nowMs)).predict(batchSize, 1)));
}

describe('RecentWindows', () => {
  it('keep what was seen at other points however long one is stayed at', () => {
    const windows = new RecentWindows();
    windows.record(windowAt(0, 1, 10), false);
    windows.record(windowAt(1, 8, 40), false);
    for (let second = 2; second < 100; second += 1) windows.record(windowAt(second, 1, 10), false);
    expect(predictedMs(windows, 8)).toBeCloseTo(40, 0);
  });

  it('still know of the long run when there are many', () => {
    // Ten seconds at 9 ms, ten at 11 ms, and so on; in the end it was slow.
    const all = Array.from({ length: 75 }, (_, second) =>
      windowAt(second, 8, (second / 10) % 2 < 1 ? 9 : 11),
    );
    const remember = (seen: readonly WindowReading[]): RecentWindows => {
      const windows = new RecentWindows();
      for (const window of seen) windows.record(window, false);
      return windows;
    };
    expect(predictedMs(remember(all), 8, 75_000)).toBeLessThan(10.2);
    expect(predictedMs(remember(all.slice(-28)), 8, 75_000)).toBeGreaterThan(10.4);
  });

  it('still know of now when many points were looked at', () => {
    const windows = new RecentWindows();
    for (let second = 0; second < 26; second += 1) {
      windows.record(windowAt(second, second + 2, 5 * (second + 2)), false);
    }
    // The machine is slower from the hundredth second on, as it was for some seconds before.
    for (let second = 26; second < 110; second += 1) {
      const isSlow = second >= 100 || second % 20 < 4;
      windows.record(windowAt(second, 1, isSlow ? 6.5 : 5), false);
    }
    expect(predictedMs(windows, 1, 110_000)).toBeGreaterThan(5.8);
    expect(predictedMs(windows, 1, 200_000)).toBeLessThan(5.7);
  });

  it('take a window in the place of those that it contains', () => {
    const windows = new RecentWindows();
    windows.record(windowAt(0, 8, 40), false);
    windows.record({ ...windowAt(0, 8, 50), endMs: 3000 }, false);
    expect(predictedMs(windows, 8)).toBeCloseTo(50, 0);
  });

  it('prefer full batches to unfilled ones', () => {
    const windows = new RecentWindows();
    windows.record({ ...windowAt(0, 8, 20), batchSize: 3 }, false);
    windows.record(windowAt(1, 8, 40), false);
    windows.record({ ...windowAt(2, 8, 80), batchSize: 3 }, false);
    expect(predictedMs(windows, 8)).toBeCloseTo(40, 0);
  });

  it('are corrected only as far as they are stale', () => {
    const windows = new RecentWindows();
    windows.record(windowAt(0, 8, 40), false);
    windows.shift(Math.log(2), 0.05);
    windows.record(windowAt(1, 1, 20), false);
    windows.correct(Math.log(0.5));
    expect(predictedMs(windows, 8)).toBeCloseTo(40, -1);
    expect(predictedMs(windows, 1)).toBeCloseTo(20, 0);
  });

  it('learn from one new window that all which was rescaled is off', () => {
    const windows = new RecentWindows();
    [1, 8, 14, 16, 18].forEach((batchSize, second) => {
      windows.record(windowAt(second, batchSize, 6 + 4 * batchSize), false);
    });
    windows.shift(Math.log(1.4), 0.1);
    expect(predictedMs(windows, 16)).toBeCloseTo(1.4 * 70, -1);
    windows.record(windowAt(5, 12, 54), false);
    expect(predictedMs(windows, 16)).toBeLessThan(77);
  });

  it('are not changed by what their copy is told', () => {
    const windows = new RecentWindows();
    windows.record(windowAt(0, 8, 40), false);
    windows.copy().shift(Math.log(2), 0.1);
    expect(predictedMs(windows, 8)).toBeCloseTo(40, 0);
  });
});
