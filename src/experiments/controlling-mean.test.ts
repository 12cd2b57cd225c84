import { describe, expect, it } from 'vitest';
import { paperLimits } from '../operating-point.ts';
import { ClipperScaler } from '../scaling/clipper.ts';
import type { Observation } from '../scaling/scaler.ts';
import { controllingMean } from './controlling-mean.ts';

const latency = { count: 100, meanMs: 40, p50Ms: 40, p95Ms: 60, p99Ms: 70, atPercentileMs: 60 };
const observation: Observation = {
  point: { batchSize: 9, instances: 1 },
  slo: { percentile: 0.95, limitMs: 50 },
  durationMs: 1000,
  endMs: 1000,
  calls: 100,
  rows: 900,
  throughputPerS: 900,
  executionLatency: latency,
  requestLatency: latency,
  batchFill: 1,
  busyShare: 1,
  arrivals: 900,
  shed: 0,
  errors: 0,
};

describe('controllingMean', () => {
  it('shows the scaler the mean where it looks for the percentile', () => {
    const onMean = controllingMean(new ClipperScaler(paperLimits));
    expect(onMean.decide(observation).point.batchSize).toBe(13);
    const onP95 = new ClipperScaler(paperLimits);
    expect(onP95.decide(observation).point.batchSize).toBe(8);
  });

  it('is the same scaler otherwise', () => {
    const scaler = new ClipperScaler(paperLimits);
    const onMean = controllingMean(scaler);
    const { name, approach, profile, wants } = scaler;
    expect(onMean).toMatchObject({ name, approach, profile, wants });
    expect(onMean.first()).toEqual(scaler.first());
  });
});
