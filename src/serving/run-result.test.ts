import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import type { WindowReport } from './deployment.ts';
import { describeWindow, steadyFigures } from './run-result.ts';

const slo = makeSlo(50);
const one: OperatingPoint = { batchSize: 1, instances: 1 };

interface Parts {
  readonly point?: OperatingPoint;
  readonly next?: OperatingPoint;
  readonly latenciesMs?: readonly number[];
  readonly errors?: number;
  readonly infeasible?: true;
  readonly limitMs?: number;
  readonly powerWatts?: number;
}

function window(parts: Parts = {}): WindowReport {
  const { point = one, next = point, latenciesMs = new Array<number>(40).fill(30) } = parts;
  const { errors = 0, infeasible, limitMs = slo.limitMs, powerWatts } = parts;
  return {
    point,
    slo: makeSlo(limitMs),
    wanted: 'percentile' as const,
    decision: {
      point: next,
      kind: next === point ? 'hold' : 'move',
      reason: 'as told',
      ...(infeasible && { infeasible }),
    },
    sample: {
      startMs: 1000,
      durationMs: 2000,
      calls: latenciesMs.length / point.batchSize,
      rows: latenciesMs.length,
      busyMs: 2000,
      arrivals: latenciesMs.length,
      shed: 0,
      errors,
      ...(powerWatts !== undefined && { powerWatts }),
      withinSlo: latenciesMs.filter((ms) => ms <= limitMs).length,
      executionMs: Float64Array.from(latenciesMs),
      requestMs: Float64Array.from(latenciesMs),
    },
  };
}

const latencies = (fast: number, slow: number): number[] => [
  ...new Array<number>(fast).fill(30),
  ...new Array<number>(slow).fill(60),
];

describe('steadyFigures', () => {
  it('speak of the windows after the last change only', () => {
    const two = { batchSize: 2, instances: 1 };
    const figures = steadyFigures(
      [
        window({ latenciesMs: latencies(0, 400), next: two }),
        ...[1, 2, 3].map(() => window({ point: two })),
      ],
      slo,
      one,
    );
    expect(figures).toMatchObject({
      operatingPoint: two,
      throughputPerS: 20,
      latencyMs: { p50: 30, p95: 30, p99: 30 },
      controlledMs: 30,
      sloAttainment: 1,
      verdict: 'held',
      steady: true,
      decisionsToSteady: 1,
      steadyMs: 6000,
    });
  });

  it('name the point that most of the last half was spent at, where it went on changing', () => {
    const two = { batchSize: 2, instances: 1 };
    const three = { batchSize: 3, instances: 1 };
    const reports = [
      ...[1, 2, 3, 4, 5].map(() => window({ next: one })),
      window({ next: two }),
      ...[1, 2, 3].map(() => window({ point: two })),
      window({ point: two, next: three }),
      window({ point: three, next: one }),
    ];
    expect(steadyFigures(reports, slo, one)).toMatchObject({ operatingPoint: two, steady: false });
  });

  it.each([
    [95, 5, 'held'],
    [94, 6, 'not-held'],
  ])('of %d requests in time and %d late ones: %s', (fast, slow, verdict) => {
    const figures = steadyFigures([window({ latenciesMs: latencies(fast, slow) })], slo, one);
    expect(figures.verdict).toBe(verdict);
    expect(figures.sloAttainment).toBeCloseTo(fast / 100, 9);
    expect(figures.controlledMs <= slo.limitMs).toBe(verdict === 'held');
  });

  it('count a failed request as one that was not answered in time', () => {
    const reports = [window({ latenciesMs: latencies(90, 0), errors: 10 })];
    expect(steadyFigures(reports, slo, one)).toMatchObject({
      sloAttainment: 0.9,
      verdict: 'not-held',
      controlledMs: 30,
    });
    expect(describeWindow(reports[0] as WindowReport, 0).sloAttainment).toBe(0.9);
  });

  it('call the SLO infeasible when it was broken at the lowest point', () => {
    const broken = window({ latenciesMs: latencies(0, 40), infeasible: true });
    expect(steadyFigures([broken, broken, broken], slo, one).verdict).toBe('infeasible');
    // By luck the last window alone was in time.
    expect(steadyFigures([broken, broken, window()], slo, one).verdict).toBe('infeasible');
    const elsewhere = window({
      point: { batchSize: 8, instances: 1 },
      latenciesMs: latencies(0, 40),
    });
    expect(steadyFigures([elsewhere, elsewhere, elsewhere], slo, one).verdict).toBe('not-held');
  });

  it('judge by the SLO at the end, whatever it was before', () => {
    const reports = [window({ latenciesMs: latencies(0, 40), limitMs: 100 })];
    expect(steadyFigures(reports, slo, one).verdict).toBe('not-held');
    expect(steadyFigures(reports, makeSlo(100), one).verdict).toBe('held');
  });

  it('of no window are at the last point, unknown, and decide nothing', () => {
    const figures = steadyFigures([], slo, { batchSize: 4, instances: 2 });
    expect(figures.operatingPoint).toEqual({ batchSize: 4, instances: 2 });
    expect(figures.throughputPerS).toBeNaN();
    expect(figures).toMatchObject({ verdict: 'undecided', steady: false, steadyMs: 0 });
  });

  it('of windows without an answer are 0, not unknown', () => {
    const figures = steadyFigures([window({ latenciesMs: [], errors: 64 })], slo, one);
    expect(figures).toMatchObject({ throughputPerS: 0, sloAttainment: 0, verdict: 'not-held' });
  });
});

describe('describeWindow', () => {
  it('tells when it ended, counted from the start of the run', () => {
    expect(describeWindow(window(), 400)).toMatchObject({
      timeMs: 2600,
      durationMs: 2000,
      throughputPerS: 20,
      p95Ms: 30,
      controlledMs: 30,
      sloLimitMs: 50,
      sloAttainment: 1,
      calls: 40,
      batchFill: 1,
      decision: 'hold',
      reason: 'as told',
    });
  });

  it('of a window without an answer has no share of nothing', () => {
    const described = describeWindow(window({ latenciesMs: [], errors: 8 }), 0);
    expect(described).toMatchObject({
      throughputPerS: 0,
      sloAttainment: 0,
      batchFill: 0,
      calls: 0,
    });
  });
});

describe('power', () => {
  it('is of steady state, and gives throughput per watt', () => {
    const two = { batchSize: 2, instances: 1 };
    const figures = steadyFigures(
      [
        window({ next: two, powerWatts: 999 }),
        window({ point: two, powerWatts: 100 }),
        window({ point: two }),
        window({ point: two, powerWatts: 140 }),
      ],
      slo,
      two,
      'a meter',
    );
    expect(figures.steadyMs).toBe(6000);
    expect(figures.power).toEqual({ meter: 'a meter', meanWatts: 120, energyJoules: 720 });
    expect(figures.throughputPerWatt).toBeCloseTo(figures.throughputPerS / 120);
  });

  it('is null where there was none, and never 0', () => {
    const figures = steadyFigures([window(), window(), window()], slo, one, 'a meter');
    expect(figures).toMatchObject({ power: null, throughputPerWatt: null });
    expect(describeWindow(window(), 0).powerWatts).toBeNull();
    expect(describeWindow(window({ powerWatts: 60 }), 0).powerWatts).toBe(60);
  });
});
