import { describe, expect, it } from 'vitest';
import { expectRunResult } from '../scripts/run-result-check.ts';

const held = { sloLimitMs: 50, held: true };

function sound(): Record<string, unknown> {
  return {
    approach: 'batching',
    profile: {
      probes: [{ throughputPerS: 100 }, { throughputPerS: 180 }],
      tiBatchingPercent: 80,
      tiMultiTenancyPercent: 20,
    },
    operatingPoint: { batchSize: 16, instances: 1 },
    throughputPerS: 170,
    latencyMs: { p50: 40, p95: 48, p99: 55 },
    slo: { percentile: 0.95, limitMs: 50 },
    sloAttainment: 0.97,
    windows: [{ reason: 'a' }, { reason: 'b' }, { reason: 'c' }],
  };
}

describe('the check of what a run prints', () => {
  it('accepts a sound result', () => {
    expect(() => expectRunResult(sound(), held)).not.toThrow();
  });

  it.each(Object.keys(sound()))('rejects a result without %s', (field) => {
    const result = Object.fromEntries(Object.entries(sound()).filter(([name]) => name !== field));
    expect(() => expectRunResult(result, held)).toThrow(field);
  });

  it.each([
    ['an approach that its own profile contradicts', { approach: 'multi-tenancy' }],
    ['no throughput', { throughputPerS: 0 }],
    ['half a batch', { operatingPoint: { batchSize: 1.5, instances: 1 } }],
    ['latencies out of order', { latencyMs: { p50: 49, p95: 48, p99: 55 } }],
    ['another SLO than was asked for', { slo: { percentile: 0.95, limitMs: 60 } }],
    ['an attainment over 1', { sloAttainment: 97 }],
    ['a p95 that contradicts the exit code', { latencyMs: { p50: 40, p95: 51, p99: 55 } }],
    ['a window without a reason', { windows: [{ reason: 'a' }, { reason: '' }, { reason: 'c' }] }],
  ])('rejects %s', (_what, fault) => {
    expect(() => expectRunResult({ ...sound(), ...fault }, held)).toThrow();
  });

  it('accepts an SLO that was not held when the exit code says so', () => {
    const result = { ...sound(), latencyMs: { p50: 40, p95: 51, p99: 55 }, sloAttainment: 0.9 };
    expect(() => expectRunResult(result, { sloLimitMs: 50, held: false })).not.toThrow();
    expect(() => expectRunResult(sound(), { sloLimitMs: 50, held: false })).toThrow('exit code');
  });
});
