import { describe, expect, it } from 'vitest';
import type { RunResult } from '../serving/run-result.ts';
import { makeSlo } from '../slo.ts';
import { compareTable, summarize } from './result-text.ts';

const result: RunResult = {
  ...{ engine: 'test', simulated: false, scaler: 'joint', approach: null, profile: null },
  operatingPoint: { batchSize: 8, instances: 2 },
  throughputPerS: 1000,
  power: null,
  throughputPerWatt: null,
  ...{ latencyMs: { p50: 10, p95: 12, p99: 14 }, controlledMs: 12, slo: makeSlo(50) },
  ...{ sloAttainment: 1, verdict: 'held', steady: true, decisionsToSteady: 3 },
  ...{ steadyMs: 10_000, durationMs: 20_000, requests: { answered: 5, failed: 0 } },
  ...{ windows: [], changes: [], notes: ['power was not measured: no meter'] },
};
const metered: RunResult = {
  ...result,
  power: { meter: 'RAPL, the CPU package', meanWatts: 80, energyJoules: 800 },
  throughputPerWatt: 12.5,
};

describe('power in the results', () => {
  it('stands beside throughput, with the meter that measured it', () => {
    expect(summarize('net', metered)).toContain(
      'power        80.0 W on average (RAPL, the CPU package): 12.5 rows/J, 800 J in steady state',
    );
    expect(compareTable([result, metered])).toMatch(
      /power +per joule[^]* - +- [^]*80\.0 W +12\.5 rows\/J/,
    );
  });

  it('is left out where there is none, and why is said once', () => {
    const text = summarize('net', result);
    expect(text.match(/power/g)).toHaveLength(1);
    expect(compareTable([result])).not.toContain('power');
  });
});
