import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../clock.ts';
import { SimulatedEngine } from '../../simulator/simulated-engine.ts';
import { parseSurfaces } from '../../simulator/surface-csv.ts';
import { makeSlo } from '../../slo.ts';
import { syntheticSource } from '../../workload/row-source.ts';
import { measureNetwork } from './measure-network.ts';
import type { MeasuredPoint, NetworkReport } from './network-report.ts';
import { bestWithin, improvements } from './network-report.ts';
import { costBoundMs, startBoundMs, sweepPlan } from './plan.ts';
import { surfacesCsv } from './results.ts';
import { TimeBudget } from './time-budget.ts';
import { measureYardstick, parseYardstickLine } from './yardstick.ts';

const point = (batchSize: number, instances: number, throughputPerS: number, p95Ms = 10) =>
  ({
    batchSize,
    instances,
    throughputPerS,
    p50Ms: p95Ms,
    p95Ms,
    calls: 9,
    powerWatts: null,
  }) satisfies MeasuredPoint;

describe('sweepPlan', () => {
  it('begins with what the profiler asks for, and covers both knobs', () => {
    const plan = sweepPlan({ minBatchSize: 1, maxBatchSize: 128, maxInstances: 10 });
    expect(plan.slice(0, 3)).toEqual([
      { batchSize: 1, instances: 1 },
      { batchSize: 32, instances: 1 },
      { batchSize: 1, instances: 8 },
    ]);
    const alone = plan.filter(({ instances }) => instances === 1).map(({ batchSize }) => batchSize);
    expect(alone.sort((a, b) => a - b)).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
    for (let n = 1; n <= 10; n += 1) {
      expect(plan).toContainEqual({ batchSize: 1, instances: n });
    }
  });

  it('stays within the limits, and names no point twice', () => {
    const limits = fc.record({
      minBatchSize: fc.integer({ min: 1, max: 8 }),
      maxBatchSize: fc.integer({ min: 8, max: 256 }),
      maxInstances: fc.integer({ min: 1, max: 16 }),
    });
    fc.assert(
      fc.property(limits, (knobs) => {
        const plan = sweepPlan(knobs);
        expect(new Set(plan.map(({ batchSize: b, instances: n }) => `${b},${n}`)).size).toBe(
          plan.length,
        );
        for (const { batchSize, instances } of plan) {
          expect(batchSize).toBeGreaterThanOrEqual(knobs.minBatchSize);
          expect(batchSize).toBeLessThanOrEqual(knobs.maxBatchSize);
          expect(instances).toBeLessThanOrEqual(knobs.maxInstances);
        }
      }),
    );
  });
});

describe('costBoundMs', () => {
  it('is never under what a call takes whose time grows with batch and instances', () => {
    const law = (b: number, n: number): number => 3 + b * n;
    const known = [
      { point: { batchSize: 1, instances: 1 }, callMs: law(1, 1) },
      { point: { batchSize: 8, instances: 2 }, callMs: law(8, 2) },
    ];
    for (const [b, n] of [
      [1, 1],
      [32, 1],
      [128, 10],
      [4, 4],
      [8, 2],
    ] as const) {
      expect(costBoundMs({ batchSize: b, instances: n }, known, 100)).toBeGreaterThanOrEqual(
        100 + 3 * law(b, n),
      );
    }
  });
});

describe('startBoundMs', () => {
  it('is what the cheapest start known says, and grows with the count', () => {
    expect(startBoundMs(6, [])).toBe(0);
    const cold = { started: 7, tookMs: 15_000 };
    expect(startBoundMs(6, [cold])).toBe(15_000);
    expect(startBoundMs(14, [cold])).toBe(30_000);
    expect(startBoundMs(6, [cold, { started: 2, tookMs: 2500 }])).toBe(7500);
    expect(startBoundMs(0, [cold])).toBe(0);
  });
});

describe('the report of a network', () => {
  it('tells the improvements from the probes of the profiler', () => {
    const points = [
      point(1, 1, 100),
      point(128, 1, 900),
      point(32, 1, 250),
      point(1, 8, 180),
      point(1, 10, 300),
    ];
    const { tiBatchingPercent, tiMultiTenancyPercent, approach } = improvements(points);
    expect(tiBatchingPercent).toBeCloseTo(150);
    expect(tiMultiTenancyPercent).toBeCloseTo(80);
    expect(approach).toBe('batching');
    expect(improvements([point(1, 1, 100)])).toEqual({
      ...{ tiBatchingPercent: null, tiMultiTenancyPercent: null, approach: null },
    });
  });

  it('has its best within the SLO, if any', () => {
    const points = [point(1, 1, 100, 5), point(8, 1, 300, 40), point(32, 1, 900, 90)];
    expect(bestWithin(points, makeSlo(50))).toMatchObject({ batchSize: 8 });
    expect(bestWithin(points, makeSlo(1))).toBeNull();
  });
});

describe('measureNetwork', () => {
  const before: NetworkReport[] = [];
  const measure = async (budgetMs: number, isStopping = () => false) => {
    const clock = systemClock;
    const engine = new SimulatedEngine<number>({
      ...{ name: 'simulated', clock, maxBatchSize: 128, maxInstances: 4 },
      law: (rows, busy) => Math.max(2 + 0.05 * rows, busy * 0.05 * rows),
      powerLaw: (rows, busy) => 40 + rows / 4 + 10 * busy,
    });
    return measureNetwork<number, number>({
      network: 'made-up',
      engine,
      source: syntheticSource((index) => index),
      clock,
      budget: new TimeBudget(clock, budgetMs),
      meter: engine.meter,
      sloFactor: 5,
      yardstick: () => Promise.resolve({ skipped: 'none here' }),
      isStopping,
      onMeasured: async (report) => {
        before.push(await Promise.resolve(report));
      },
      onStep: () => undefined,
    });
  };

  it('measures the most important first, and its surface is one that the simulator loads', async () => {
    const report = await measure(12_000);
    expect(report.points.length).toBeGreaterThanOrEqual(3);
    expect(report.points[0]).toMatchObject({ batchSize: 1, instances: 1 });
    expect(report.tiBatchingPercent ?? 0).toBeGreaterThan(100);
    expect(report.slo?.limitMs ?? 0).toBeGreaterThan(0);
    const surface = parseSurfaces(surfacesCsv([report]), 'surface.csv').get('made-up');
    expect(surface?.points).toHaveLength(report.points.length);
    expect(surface?.hasPower).toBe(true);
    const { batchSize, instances, throughputPerS } = report.points[1] as MeasuredPoint;
    expect(
      (1000 * batchSize * instances) / (surface?.latencyMs(batchSize, instances) ?? 0),
    ).toBeCloseTo(throughputPerS, 0);
    expect(Object.keys(report.choices)).toEqual(['dnnscaler', 'joint']);
    // The yardstick is another program, which may hang: what comes before it has been told.
    const { yardstick, ...rest } = report;
    expect(yardstick).toEqual({ skipped: 'none here' });
    expect(before).toEqual([{ ...rest, yardstick: { skipped: 'it was not measured yet' } }]);
  });

  it('always has its first point, and says what it left out', async () => {
    const report = await measure(1);
    expect(report.points).toHaveLength(1);
    expect(report.dropped.length).toBeGreaterThan(10);
    expect(report.dropped.join()).toMatch(/dnnscaler: .* were left/);
    expect(report.yardstick).toEqual({ skipped: 'no time was left' });
  });

  it('ends with what there is when it is told to stop', async () => {
    const report = await measure(60_000, () => true);
    expect(report.points).toEqual([]);
    expect(report.slo).toBeNull();
    expect(surfacesCsv([report])).toBe('network,batch_size,instances,latency_ms\n');
  });
});

describe('parseYardstickLine', () => {
  it('takes a runtime, a reason or a point, and nothing else', () => {
    expect(parseYardstickLine('{"runtime": "x"}')).toEqual({ runtime: 'x' });
    expect(parseYardstickLine('{"skipped": "y"}')).toEqual({ skipped: 'y' });
    const measured = { batchSize: 8, throughputPerS: 12.5, p95Ms: 3 };
    expect(parseYardstickLine(JSON.stringify(measured))).toEqual(measured);
    for (const line of [
      '',
      'Traceback',
      '{}',
      '{"batchSize": 8}',
      '{"batchSize":8,"throughputPerS":-1,"p95Ms":3}',
    ]) {
      expect(() => parseYardstickLine(line)).toThrow(/a line of the yardstick/);
    }
  });
});

describe('measureYardstick', () => {
  /** What comes of a script of these lines, run by the shell. */
  const measure = async (...lines: string[]) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'yardstick-'));
    const script = path.join(folder, 'script.sh');
    writeFileSync(script, lines.join('\n'));
    const batchSizes = [1, 8];
    try {
      return await measureYardstick({
        ...{ python: 'sh', script, network: 'net', batchSizes, device: 'cpu' },
        ...{ limitMs: 60_000.5, pointMs: 100 },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const runtime = `echo '{"runtime": "Test 1.0"}'`;
  const measured = `echo '{"batchSize": 8, "throughputPerS": 50, "p95Ms": 20}'`;

  it('keeps what was measured, even of a script that fails afterwards', async () => {
    const points = [{ batchSize: 8, throughputPerS: 50, p95Ms: 20 }];
    const yardstick = await measure(
      'test "$2 $3" = "1,8 cpu" || exit 3',
      runtime,
      measured,
      'exit 9',
    );
    expect(yardstick).toEqual({ runtime: 'Test 1.0', points });
  });

  it('says why there is none', async () => {
    expect(await measure(`echo '{"skipped": "no PyTorch"}'`)).toEqual({ skipped: 'no PyTorch' });
    expect(await measure(runtime, 'echo out of memory >&2', 'exit 7')).toEqual({
      skipped: 'sh ended with 7 without a figure: out of memory',
    });
    const missing = await measureYardstick({
      ...{ python: '/no/python', script: 'x', network: 'net', batchSizes: [1], device: 'cpu' },
      ...{ limitMs: 1000, pointMs: 100 },
    });
    expect(missing).toMatchObject({
      skipped: expect.stringContaining('/no/python cannot be run') as string,
    });
  });
});
