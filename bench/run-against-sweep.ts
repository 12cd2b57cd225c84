/** What `run --scaler dnnscaler` reaches in steady state against the best point of a sweep of its knob. */
import { systemClock } from '../src/clock.ts';
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import { estimatorFor } from '../src/estimation/index.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import { createScaler } from '../src/scaling/create-scaler.ts';
import type { Approach, Observation } from '../src/scaling/scaler.ts';
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

const runMs = 30_000;
const policy = { pointMs: 1000, pointCalls: 20 };
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

/** One run, and right after it the sweep. */
interface Round {
  readonly result: RunResult;
  /** The points swept, and the run's own. */
  readonly swept: readonly Observation[];
}

export async function runAgainstSweep(): Promise<BenchReport> {
  const figures = [];
  for (const { model, sloFactor } of cases) {
    figures.push(
      await withEngine(benchModel(model), {}, async (engine, rows) => {
        const slo = await sloAt(engine, rows, sloFactor);
        const all: Round[] = [];
        for (let round = 0; round < rounds; round += 1) all.push(await runRound(engine, rows, slo));
        return { model, slo, ...compared(all, slo) };
      }),
    );
  }
  return {
    title: 'Steady throughput of a run against an exhaustive sweep of the knob it chose',
    about:
      `Same SLO and machine, each run followed by the sweep; medians of ${rounds} such rounds, less those that\n` +
      `chose another knob than the first; target ${ratio(target)}. ` +
      `Best: of the points whose median p95 holds the SLO. Point: what the sweep measured at the run's own point, against the best.`,
    columns: [
      { heading: 'network' },
      { heading: 'SLO' },
      { heading: 'approach' },
      { heading: 'points of the runs' },
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
      row.approach,
      row.operatingPoints.map(brief).join(' '),
      `${row.held} of ${row.rounds}`,
      formatPerS(row.runPerS),
      row.bestPoint === null ? 'none' : brief(row.bestPoint),
      formatPerS(row.bestPerS),
      ratio(row.ratio),
      ratio(row.pointRatio),
    ]),
    figures,
  };
}

async function runRound(engine: OnnxEngine, rows: readonly Row[], slo: Slo): Promise<Round> {
  const result = await run(engine, rows, slo);
  const points = [...gridOf(engine, result.approach), result.operatingPoint];
  return { result, swept: await measurePoints(engine, rows, points, policy) };
}

function compared(all: readonly Round[], slo: Slo) {
  const approach = all[0]?.result.approach ?? null;
  const own = all.filter(({ result }) => result.approach === approach);
  const best = bestOf(own, slo);
  const bestIn = ({ swept }: Round): number =>
    best === undefined ? Number.NaN : (swept[best.index]?.throughputPerS ?? Number.NaN);
  return {
    approach: approach ?? '',
    operatingPoints: own.map(({ result }) => result.operatingPoint),
    rounds: own.length,
    held: own.filter(({ result }) => result.verdict === 'held').length,
    runPerS: median(own.map(({ result }) => result.throughputPerS)),
    bestPoint: best?.point ?? null,
    bestPerS: median(own.map(bestIn)),
    ratio: median(own.map((round) => round.result.throughputPerS / bestIn(round))),
    pointRatio: median(
      own.map((round) => (round.swept.at(-1)?.throughputPerS ?? Number.NaN) / bestIn(round)),
    ),
    ratios: own.map((round) => round.result.throughputPerS / bestIn(round)),
  };
}

/** The point of the grid with the highest throughput within the SLO, by medians over the rounds. */
function bestOf(
  rounds: readonly Round[],
  slo: Slo,
): { readonly point: OperatingPoint; readonly index: number } | undefined {
  let best: { point: OperatingPoint; index: number; perS: number } | undefined;
  // The last is the run's own, and another in each round.
  const grid = rounds[0]?.swept.slice(0, -1) ?? [];
  for (const [index, { point }] of grid.entries()) {
    const own = rounds.map(({ swept }) => swept[index] as Observation);
    const latencyMs = median(own.map(({ executionLatency }) => executionLatency.atPercentileMs));
    const perS = median(own.map(({ throughputPerS }) => throughputPerS));
    if (latencyMs > slo.limitMs || perS <= (best?.perS ?? 0)) continue;
    best = { point, index, perS };
  }
  return best;
}

const brief = ({ batchSize, instances }: OperatingPoint): string => `(${batchSize},${instances})`;

async function sloAt(engine: OnnxEngine, rows: readonly Row[], factor: number): Promise<Slo> {
  const [base] = await measurePoints(engine, rows, [{ batchSize: 1, instances: 1 }], policy);
  return sloOf(base?.requestLatency.p50Ms ?? Number.NaN, factor);
}

function run(engine: OnnxEngine, rows: readonly Row[], slo: Slo): Promise<RunResult> {
  const scaler = createScaler('dnnscaler', { limits: engine.limits, estimate: estimatorFor() });
  const source = sourceOf(rows);
  return runTrial({ engine, scaler, slo, source, clock: systemClock, durationMs: runMs });
}

/** The knob that the run chose, the other one at its lowest. */
function gridOf(
  { limits: { maxInstances, maxBatchSize } }: OnnxEngine,
  approach: Approach | null,
): readonly OperatingPoint[] {
  return approach === 'batching'
    ? sweptBatchSizes
        .filter((batchSize) => batchSize <= maxBatchSize)
        .map((batchSize) => ({ batchSize, instances: 1 }))
    : Array.from({ length: maxInstances }, (_, i) => ({ batchSize: 1, instances: i + 1 }));
}

if (isMain(import.meta.url)) await runBenches([runAgainstSweep]);
