import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../../operating-point.ts';
import { makeSlo } from '../../slo.ts';
import { summarizeLatencies } from '../../telemetry/latency-summary.ts';
import { observationOf } from '../test-support.ts';
import type { Observation } from '../scaler.ts';
import { Timeliness } from './timeliness.ts';

const short: OperatingPoint = { batchSize: 1, instances: 2 };
const roomy: OperatingPoint = { batchSize: 3, instances: 2 };
const any = () => true;

function seen(point: OperatingPoint, requestMs: number, arrivals = 100): Observation {
  return observationOf(point, makeSlo(5), {
    latencyMs: 2,
    durationMs: 100,
    arrivals,
    requestLatency: summarizeLatencies([Float64Array.of(requestMs)], 0.95),
  });
}

describe('Timeliness', () => {
  it('names the point at which requests were answered soonest', () => {
    const timeliness = new Timeliness();
    timeliness.record(seen(roomy, 7));
    timeliness.record(seen(short, 12));
    expect(timeliness.soonerThan(short, any)).toMatchObject({ point: roomy, requestMs: 7 });
    expect(timeliness.soonerThan(roomy, any)).toBeUndefined();
  });

  it('does not go for a small difference, nor where the engine cannot', () => {
    const timeliness = new Timeliness();
    timeliness.record(seen(roomy, 9.5));
    timeliness.record(seen(short, 10));
    expect(timeliness.soonerThan(short, any)).toBeUndefined();
    timeliness.record(seen(short, 20));
    expect(timeliness.soonerThan(short, any)).toBeDefined();
    expect(timeliness.soonerThan(short, () => false)).toBeUndefined();
  });

  it('compares with what was seen at about the same arrival rate only', () => {
    const timeliness = new Timeliness();
    timeliness.record(seen(roomy, 7, 50));
    timeliness.record(seen(short, 12));
    expect(timeliness.at(roomy)).toBeUndefined();
    expect(timeliness.soonerThan(short, any)).toBeUndefined();
    timeliness.record(seen(short, 30, 55));
    expect(timeliness.at(short)).toBe(30);
    expect(timeliness.soonerThan(short, any)?.point).toEqual(roomy);
  });

  it('keeps what a busy hour showed through a quiet one', () => {
    const timeliness = new Timeliness();
    timeliness.record(seen(roomy, 7));
    timeliness.record(seen(roomy, 3, 20));
    timeliness.record(seen(short, 12));
    expect(timeliness.at(roomy)).toBe(7);
    expect(timeliness.soonerThan(short, any)?.point).toEqual(roomy);
    for (let arrivals = 1; arrivals < 1e9; arrivals *= 1.3)
      timeliness.record(seen(short, 5, arrivals));
    timeliness.record(seen(short, 12));
    expect(timeliness.at(roomy)).toBeUndefined();
  });

  it('averages what one point shows over time, and forgets when the world changes', () => {
    const timeliness = new Timeliness();
    timeliness.record(seen(short, 10));
    timeliness.record(seen(short, 20));
    expect(timeliness.at(short)).toBe(15);
    expect(timeliness.at(roomy)).toBeUndefined();
    timeliness.forget();
    expect(timeliness.at(short)).toBeUndefined();
  });
});
