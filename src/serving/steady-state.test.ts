import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeSlo } from '../slo.ts';
import type { WindowReport } from './deployment.ts';
import { steadyStretch } from './steady-state.ts';

/** Windows at these batch sizes, one after the other; the last decision holds. */
function reportsAt(
  batchSizes: readonly number[],
  durationsMs: readonly number[] = [],
  profilerWindows = 0,
) {
  return batchSizes.map((batchSize, i): WindowReport => {
    const next = batchSizes[i + 1] ?? batchSize;
    const kind = next === batchSize ? 'hold' : 'move';
    return {
      point: { batchSize, instances: 1 },
      slo: makeSlo(50),
      wanted: i < profilerWindows ? 'throughput' : 'percentile',
      decision: { point: { batchSize: next, instances: 1 }, kind, reason: 'as told' },
      sample: {
        startMs: 0,
        durationMs: durationsMs[i] ?? 1000,
        calls: 40,
        rows: 40,
        busyMs: 1000,
        arrivals: 40,
        shed: 0,
        errors: 0,
        withinSlo: 40,
        executionMs: new Float64Array(),
        requestMs: new Float64Array(),
      },
    };
  });
}

describe('steadyStretch', () => {
  it.each([
    [[1, 1, 1, 1, 1], 0, 0, true],
    [[1, 32, 1, 16, 16, 16], 3, 3, true],
    [[1, 32, 1, 16, 24, 24, 24, 24, 24, 24], 4, 4, true],
    [[8], 0, 0, true],
    [[8, 8], 0, 0, true],
  ])('of windows at %j begins at %d, after %d changes', (batchSizes, from, changes, settled) => {
    expect(steadyStretch(reportsAt(batchSizes))).toEqual({
      from,
      changesBefore: changes,
      settled,
    });
  });

  it('is the last half where the point went on changing', () => {
    expect(steadyStretch(reportsAt([1, 2, 1, 2, 1, 2, 1, 2, 1, 1]))).toEqual({
      from: 5,
      changesBefore: 5,
      settled: false,
    });
  });

  it('begins that half where a stretch at one point begins', () => {
    expect(steadyStretch(reportsAt([1, 2, 2, 2, 2, 2, 4, 8, 8, 9]))).toEqual({
      from: 6,
      changesBefore: 2,
      settled: false,
    });
  });

  it('is never the last few windows alone', () => {
    expect(steadyStretch(reportsAt([1, 1, 1, 1, 1, 1, 1, 1, 1, 2]))).toEqual({
      ...{ from: 0, changesBefore: 0, settled: false },
    });
  });

  it("leaves out a profiler's windows, at the point settled on, too", () => {
    const durations: number[] = [];
    expect(steadyStretch(reportsAt([1, 32, 1, 1, 1, 1], durations, 3))).toMatchObject({
      from: 3,
      settled: true,
    });
    expect(steadyStretch(reportsAt([1, 32, 1, 4, 5, 6], durations, 3))).toMatchObject({
      from: 3,
      settled: false,
    });
    expect(steadyStretch(reportsAt([1, 32], durations, 2))).toMatchObject({
      from: 2,
      settled: false,
    });
  });

  it('takes two windows for steady that are a good part of the time: slow networks have few', () => {
    const durations = [1000, 1000, 1000, 1000, 3000, 3000];
    expect(steadyStretch(reportsAt([1, 32, 1, 16, 24, 24], durations))).toMatchObject({
      from: 4,
      settled: true,
    });
    expect(steadyStretch(reportsAt([1, 32, 1, 16, 24, 24, 24, 23, 23]))).toMatchObject({
      settled: false,
    });
  });

  it('of nothing is not settled', () => {
    expect(steadyStretch([])).toEqual({ from: 0, changesBefore: 0, settled: false });
  });

  it('has one point where it settled, lies within the windows and misses no change', () => {
    const batchSizes = fc.array(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(batchSizes, (visited) => {
        const { from, changesBefore, settled } = steadyStretch(reportsAt(visited));
        expect(from).toBeLessThan(visited.length);
        const changes = visited.filter((b, i) => i > 0 && b !== visited[i - 1]).length;
        if (!settled) expect(changesBefore).toBeLessThanOrEqual(changes);
        else {
          expect(new Set(visited.slice(from)).size).toBe(1);
          expect(changesBefore).toBe(changes);
          expect(from === 0 || visited[from - 1] !== visited[from]).toBe(true);
        }
      }),
    );
  });
});
