/** What `run` reaches in steady state against the best point of an exhaustive sweep of its knob. */
import { systemClock } from '../src/clock.ts';
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import { estimatorFor } from '../src/estimation/index.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import { formatPoint, sameKnobs } from '../src/operating-point.ts';
import { createScaler } from '../src/scaling/create-scaler.ts';
import type { Observation } from '../src/scaling/scaler.ts';
import type { RunResult } from '../src/serving/run-result.ts';
import { runTrial } from '../src/serving/trial.ts';
import type { Slo } from '../src/slo.ts';
import { formatSlo } from '../src/slo.ts';
import type { Row } from '../src/tensor/row.ts';
import { formatPerS } from '../src/units.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, ratio, runBenches } from './harness.ts';
import { measurePoints, sloOf, sourceOf } from './measure.ts';
import { benchModel, withEngine } from './models.ts';

const runMs = 40_000;
const policy = { pointMs: 1000, pointCalls: 20 };
/** Times that the sweep goes over all points: each counts by its medians. */
const rounds = 3;
const target = 0.9;

/** SLOs as multiples of the latency at (1,1), so that they mean the same on any machine. */
const cases: readonly { model: string; sloFactor: number }[] = [
  { model: 'mobilenet_v1_100', sloFactor: 4 },
  { model: 'pp-ocr detector, 320 px', sloFactor: 4 },
  { model: 'multvae_ml20m', sloFactor: 3 },
  { model: 'multvae_ml20m', sloFactor: 10 },
  { model: 'dan_sst', sloFactor: 10 },
];

/** Every batch size would take hours: powers of two and halfway between are within 20% of any. */
const sweptBatchSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

export async function runAgainstSweep(): Promise<BenchReport> {
  const figures = [];
  for (const { model, sloFactor } of cases) {
    figures.push(
      await withEngine(benchModel(model), {}, async (engine, rows) => {
        const slo = await sloAt(engine, rows, sloFactor);
        const result = await run(engine, rows, slo);
        const swept = await sweep(engine, rows, pointsOf(result, engine));
        const best = bestWithin(swept, slo);
        const same = swept.find(({ point }) => sameKnobs(point, result.operatingPoint));
        const bestPerS = best?.throughputPerS ?? Number.NaN;
        return {
          model,
          slo,
          approach: result.approach,
          operatingPoint: result.operatingPoint,
          verdict: result.verdict,
          decisionsToSteady: result.decisionsToSteady,
          runPerS: result.throughputPerS,
          bestPoint: best?.point ?? null,
          bestPerS,
          ratio: result.throughputPerS / bestPerS,
          sweptRatio: (same?.throughputPerS ?? Number.NaN) / bestPerS,
        };
      }),
    );
  }
  return {
    title: 'Steady throughput of a run against an exhaustive sweep of the knob it chose',
    about:
      `Same SLO, same machine, one after the other; target ${ratio(target)}. A point of the sweep counts by the medians of ${rounds} windows.\n` +
      `Point: what the sweep itself measured at the run's operating point, against its best.`,
    columns: [
      { heading: 'network' },
      { heading: 'SLO' },
      { heading: 'approach' },
      { heading: 'run' },
      { heading: 'held' },
      { heading: 'throughput', align: 'right' },
      { heading: 'best of the sweep' },
      { heading: 'throughput', align: 'right' },
      { heading: 'ratio', align: 'right' },
      { heading: 'point', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.model,
      formatSlo(row.slo),
      row.approach ?? '',
      formatPoint(row.operatingPoint),
      row.verdict,
      formatPerS(row.runPerS),
      row.bestPoint === null ? 'none' : formatPoint(row.bestPoint),
      formatPerS(row.bestPerS),
      ratio(row.ratio),
      ratio(row.sweptRatio),
    ]),
    figures,
  };
}

interface SweptPoint {
  readonly point: OperatingPoint;
  readonly throughputPerS: number;
  /** The latency that the SLO is about. */
  readonly latencyMs: number;
}

async function sweep(
  engine: OnnxEngine,
  rows: readonly Row[],
  points: readonly OperatingPoint[],
): Promise<readonly SweptPoint[]> {
  const observed: (readonly Observation[])[] = [];
  for (let round = 0; round < rounds; round += 1) {
    observed.push(await measurePoints(engine, rows, points, policy));
  }
  return points.map((point, i) => {
    const own = observed.map((round) => round[i] as Observation);
    return {
      point,
      throughputPerS: median(own.map(({ throughputPerS }) => throughputPerS)),
      latencyMs: median(own.map(({ executionLatency }) => executionLatency.atPercentileMs)),
    };
  });
}

function bestWithin(swept: readonly SweptPoint[], slo: Slo): SweptPoint | undefined {
  return swept
    .filter(({ latencyMs }) => latencyMs <= slo.limitMs)
    .sort((a, b) => b.throughputPerS - a.throughputPerS)[0];
}

async function sloAt(engine: OnnxEngine, rows: readonly Row[], factor: number): Promise<Slo> {
  const [base] = await measurePoints(engine, rows, [{ batchSize: 1, instances: 1 }], policy);
  return sloOf(base?.requestLatency.p50Ms ?? Number.NaN, factor);
}

function run(engine: OnnxEngine, rows: readonly Row[], slo: Slo): Promise<RunResult> {
  const scaler = createScaler('auto', { limits: engine.limits, estimate: estimatorFor() });
  const source = sourceOf(rows);
  return runTrial({ engine, scaler, slo, source, clock: systemClock, durationMs: runMs });
}

function pointsOf(result: RunResult, engine: OnnxEngine): readonly OperatingPoint[] {
  const { maxInstances, maxBatchSize } = engine.limits;
  if (result.approach === 'batching') {
    return [...new Set([...sweptBatchSizes, result.operatingPoint.batchSize])]
      .filter((batchSize) => batchSize <= maxBatchSize)
      .sort((a, b) => a - b)
      .map((batchSize) => ({ batchSize, instances: 1 }));
  }
  return Array.from({ length: maxInstances }, (_, i) => ({ batchSize: 1, instances: i + 1 }));
}

if (isMain(import.meta.url)) await runBenches([runAgainstSweep]);
