import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSurfaces } from '../simulator/surface-csv.ts';
import { Surface } from '../simulator/surface.ts';
import { makeSlo } from '../slo.ts';
import { planCapacity } from './plan.ts';

const text = readFileSync(new URL('../../data/a100-surface.csv', import.meta.url), 'utf8');
const resnet = parseSurfaces(text, 'a100-surface.csv').get('resnet50') as Surface;

/** One instance, ten ms whatever the batch of up to four. */
const simple = new Surface('simple', [
  { batchSize: 1, instances: 1, latencyMs: 10 },
  { batchSize: 4, instances: 1, latencyMs: 10 },
]);

describe('planCapacity', () => {
  it('holds the SLO for requests, queueing included, at the rate of each machine', () => {
    const plan = planCapacity({
      surface: resnet,
      ratePerS: 5000,
      slo: makeSlo(50),
      noiseSigma: 0.05,
    });
    expect(plan?.check.attainment).toBeGreaterThanOrEqual(0.95);
    expect(plan?.check.latencyMs.p95).toBeLessThanOrEqual(50);
    expect(plan?.check.ratePerS).toBeCloseTo(5000 / (plan?.machines ?? 0), 9);
    expect(plan?.check.utilisation).toBeLessThan(1);
    expect(plan?.headroomPercent).toBeGreaterThanOrEqual(0);
    expect(plan?.machines).toBe(2);
  });

  it('knows the capacity of a machine that is simple enough to work out', () => {
    const plan = planCapacity({ surface: simple, ratePerS: 1000, slo: makeSlo(40) });
    // 4 rows every 10 ms is 400/s at most; with an SLO of four calls nearly all of it can be used.
    expect(plan?.sustainablePerMachineS).toBeGreaterThan(320);
    expect(plan?.sustainablePerMachineS).toBeLessThan(400);
    expect(plan?.machines).toBe(Math.ceil(1000 / (plan?.sustainablePerMachineS ?? 0)));
  });

  it('gets by with fewer machines when the SLO is looser, and more when it is tighter', () => {
    const machines = (limitMs: number) =>
      planCapacity({ surface: resnet, ratePerS: 1e6, slo: makeSlo(limitMs) })?.machines ?? 0;
    const loose = machines(100);
    expect(machines(15)).toBeGreaterThan(loose);
    expect(loose).toBeGreaterThanOrEqual(Math.ceil(1e6 / 2800));
  });

  it('leaves the headroom asked for', () => {
    const plan = planCapacity({
      surface: simple,
      ratePerS: 1000,
      slo: makeSlo(40),
      minHeadroom: 0.5,
    });
    expect(plan?.headroomPercent).toBeGreaterThanOrEqual(50);
  });

  it('is null where a lone request takes longer than the SLO', () => {
    expect(planCapacity({ surface: simple, ratePerS: 1, slo: makeSlo(9) })).toBeNull();
  });

  it('repeats with its seed', () => {
    const plan = (seed: number) =>
      planCapacity({ surface: simple, ratePerS: 300, slo: makeSlo(30), seed, noiseSigma: 0.1 });
    const first = plan(3);
    expect(plan(3)).toEqual(first);
    expect(plan(4)?.check).not.toEqual(first?.check);
  });

  it.each([0, -5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a rate of %s', (ratePerS) => {
    expect(() => planCapacity({ surface: simple, ratePerS, slo: makeSlo(50) })).toThrow(
      'the rate must be a positive number of requests per second',
    );
  });
});
