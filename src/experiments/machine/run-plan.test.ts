import { describe, expect, it } from 'vitest';
import { planRun } from './run-plan.ts';

const base = { sloFactor: 5, maxBatchSize: 128, shortestMs: 10_000, longestMs: 60_000 };

describe('planRun', () => {
  it('runs slow networks longer, within bounds', () => {
    expect(planRun({ ...base, baseMs: 3 }).durationMs).toBe(10_000);
    expect(planRun({ ...base, baseMs: 100 }).durationMs).toBe(30_000);
    expect(planRun({ ...base, baseMs: 900 }).durationMs).toBe(60_000);
    expect(planRun({ ...base, baseMs: 900, durationMs: 5000 }).durationMs).toBe(5000);
  });

  it('leaves the probe of 32 to networks that have time for it', () => {
    expect(planRun({ ...base, baseMs: 3 }).maxBatchSize).toBe(128);
    expect(planRun({ ...base, baseMs: 20 }).maxBatchSize).toBe(31);
  });

  it('never leaves out a batch that could hold the SLO without a gain from batching', () => {
    expect(planRun({ ...base, baseMs: 5000 }).maxBatchSize).toBe(8);
    expect(planRun({ ...base, baseMs: 5000, maxBatchSize: 1 }).maxBatchSize).toBe(1);
  });
});
