import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DispatchState } from './hold-back.ts';
import { holdBackMs, shortestHoldMs } from './hold-back.ts';

const base: DispatchState = {
  queued: 3,
  batchSize: 8,
  oldestWaitMs: 0,
  sloLimitMs: 100,
  expectedExecutionMs: 40,
  busyShare: 1,
};

const states: fc.Arbitrary<DispatchState> = fc.record({
  queued: fc.integer({ min: 1, max: 200 }),
  batchSize: fc.integer({ min: 1, max: 128 }),
  oldestWaitMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
  sloLimitMs: fc.double({ min: 0.1, max: 1e4, noNaN: true }),
  expectedExecutionMs: fc.oneof(
    fc.constant(Number.NaN),
    fc.double({ min: 0, max: 1e4, noNaN: true }),
  ),
  busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('holdBackMs', () => {
  it('sends a full batch at once', () => {
    expect(holdBackMs({ ...base, queued: 8 })).toBe(0);
    expect(holdBackMs({ ...base, queued: 9, expectedExecutionMs: Number.NaN })).toBe(0);
  });

  it('waits for more only as long as the oldest request can still be answered in time', () => {
    expect(holdBackMs(base)).toBeCloseTo(50);
    expect(holdBackMs({ ...base, oldestWaitMs: 20 })).toBeCloseTo(30);
    expect(holdBackMs({ ...base, oldestWaitMs: 51 })).toBe(0);
    expect(holdBackMs({ ...base, expectedExecutionMs: 95 })).toBe(0);
  });

  it('waits for nothing while instances idle', () => {
    expect(holdBackMs({ ...base, busyShare: 0.5 })).toBe(0);
    expect(holdBackMs({ ...base, busyShare: 0.9 })).toBeCloseTo(50);
  });

  it('waits for half the SLO while nothing is known of the execution time', () => {
    expect(holdBackMs({ ...base, expectedExecutionMs: Number.NaN })).toBeCloseTo(50);
  });

  it('is 0 or worth a timer, and never makes a request late that would have been in time', () => {
    fc.assert(
      fc.property(states, (state) => {
        const holdMs = holdBackMs(state);
        expect(holdMs === 0 || holdMs >= shortestHoldMs).toBe(true);
        if (holdMs === 0) return;
        expect(state.queued).toBeLessThan(state.batchSize);
        const executionMs = Number.isNaN(state.expectedExecutionMs) ? 0 : state.expectedExecutionMs;
        expect(state.oldestWaitMs + holdMs + executionMs).toBeLessThanOrEqual(state.sloLimitMs);
      }),
    );
  });

  it('has run out once it was waited for', () => {
    fc.assert(
      fc.property(states, (state) => {
        const oldestWaitMs = state.oldestWaitMs + holdBackMs(state);
        expect(holdBackMs({ ...state, oldestWaitMs })).toBe(0);
      }),
    );
  });
});
