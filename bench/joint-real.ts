/**
 * `npm run bench:joint`: both knobs on this machine's engine. The point that the joint scaler settles
 * at, measured against the best of a sweep of both knobs and the best of each knob alone; `--json FILE`.
 */
import { systemClock } from '../src/clock.ts';
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import { estimatorFor } from '../src/estimation/index.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import { formatPoint, sameKnobs } from '../src/operating-point.ts';
import { createScaler } from '../src/scaling/create-scaler.ts';
import type { Observation } from '../src/scaling/scaler.ts';
import type { WindowReport } from '../src/serving/deployment.ts';
import type { RunResult } from '../src/serving/run-result.ts';
import { runTrial } from '../src/serving/trial.ts';
import type { Slo } from '../src/slo.ts';
import { formatSlo } from '../src/slo.ts';
import { summarizeLatencies } from '../src/telemetry/latency-summary.ts';
import type { Row } from '../src/tensor/row.ts';
import { formatMs, formatPerS, formatShare } from '../src/units.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, ratio, runBenches } from './harness.ts';
import { mayHold, sweepBetween, sweepBothKnobs } from './joint-sweep.ts';
import { measurePoints, rank, rankWithin, sloOf, sourceOf } from './measure.ts';
import { benchModel, withEngine } from './models.ts';

/** A convolutional network, one of fully connected layers, and a tiny one. */
const networks = ['mobilenet_v1_100', 'multvae_ml20m', 'mobilenet_v1_025'];
const sloFactors = [10, 3];
const target = 0.95;

const runMs = 60_000;
/** A multiple of four: each half has as many in one direction as in the other. */
const rounds = 24;
const roundPolicy = { pointMs: 300, pointCalls: 8 };
/** So many of the swept points are measured again: the best of one short look may be luck. */
const contenders = 3;
/** And so many of those whose median call took this share of the limit at most. */
const safeContenders = 2;
const safeShare = 0.65;

/** A point measured once in each round. */
interface Remeasured {
  readonly point: OperatingPoint;
  readonly perS: readonly number[];
  readonly medianPerS: number;
  /** Of the calls of all rounds, the latency at the SLO's percentile. */
  readonly controlledMs: number;
  readonly held: boolean;
}

export interface JointFigures {
  readonly model: string;
  readonly sloFactor: number;
  readonly slo: Slo;
  /** Changes of the operating point in the whole run. */
  readonly decisions: number;
  /** From the start until the last change of the point took effect. */
  readonly settlingMs: number;
  /** False when the point was still changing near the end of the run. */
  readonly steady: boolean;
  readonly sweptPoints: number;
  readonly sweepMs: number;
  readonly joint: Remeasured;
  /** Of the points swept, the best that held the SLO when measured again; null for none. */
  readonly best: Remeasured | null;
  /** The same of those with one instance or batch 1. */
  readonly betterKnob: Remeasured | null;
  /** Ratios of throughput, see `crossRatio`. */
  readonly jointOverBest: number;
  /** Over the point that was best in all rounds, in those rounds. */
  readonly jointOverLuckiest: number;
  readonly jointOverKnob: number;
  readonly bestOverKnob: number;
  readonly changes: RunResult['changes'];
  readonly remeasured: readonly Remeasured[];
}

export async function jointReal(): Promise<BenchReport> {
  const figures: JointFigures[] = [];
  for (const name of networks) {
    figures.push(...(await withEngine(benchModel(name), {}, (e, rows) => study(name, e, rows))));
  }
  return {
    title: 'Both knobs at once on this machine: the joint scaler against a sweep of both',
    about:
      `SLOs of ${sloFactors.join(' and ')} times the latency at (1,1). Where joint settled in ${runMs / 1000} s, the ${contenders} best\n` +
      `points of the sweep, ${safeContenders} with room to spare and the best of each knob alone, measured again in ${rounds} interleaved rounds:\n` +
      `ratios of throughput among those that held the SLO, the best as chosen by one half of the rounds and measured in\n` +
      `the other, and the other way round; target ${ratio(target)} of the best. "luckiest" is over the one shown, the best of\n` +
      `all rounds in all rounds, which luck has favoured. "±" is the spread of the rounds, which is the machine's;\n` +
      `"both" is the best over the better knob; "over": joint's point breaks the SLO in the rounds as a whole.`,
    columns: [
      { heading: 'network' },
      { heading: 'SLO' },
      { heading: 'joint' },
      { heading: 'rows', align: 'right' },
      { heading: 'p95', align: 'right' },
      { heading: 'best of the sweep' },
      { heading: 'joint/best', align: 'right' },
      { heading: 'luckiest', align: 'right' },
      { heading: 'better knob' },
      { heading: 'joint/knob', align: 'right' },
      { heading: 'both', align: 'right' },
      { heading: 'decisions', align: 'right' },
      { heading: 'after', align: 'right' },
      { heading: 'sweep', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.model,
      `${formatSlo(row.slo)} (${row.sloFactor}x)`,
      shortPoint(row.joint.point),
      `${formatPerS(row.joint.medianPerS)} ±${formatShare(halfRange(row.joint))}`,
      `${formatMs(row.joint.controlledMs)}${row.joint.held ? '' : ' over'}`,
      shortPoint(row.best?.point),
      `${ratio(row.jointOverBest)}${row.joint.held ? '' : ' over'}`,
      ratio(row.jointOverLuckiest),
      shortPoint(row.betterKnob?.point),
      ratio(row.jointOverKnob),
      ratio(row.bestOverKnob),
      String(row.decisions),
      row.steady ? formatMs(row.settlingMs) : 'still moving',
      `${row.sweptPoints} in ${formatMs(row.sweepMs)}`,
    ]),
    figures,
  };
}

/** One sweep serves all SLOs: each adds the points near where it cuts the grid. */
async function study(
  model: string,
  engine: OnnxEngine,
  rows: readonly Row[],
): Promise<readonly JointFigures[]> {
  const [base] = await measurePoints(engine, rows, [{ batchSize: 1, instances: 1 }], roundPolicy);
  const baseMs = base?.requestLatency.p50Ms ?? Number.NaN;
  const startMs = systemClock.nowMs();
  const grid = await sweepBothKnobs(engine, rows, sloOf(baseMs, Math.max(...sloFactors)));
  const gridMs = systemClock.nowMs() - startMs;
  const figures: JointFigures[] = [];
  for (const sloFactor of sloFactors) {
    const slo = sloOf(baseMs, sloFactor);
    const betweenMs = systemClock.nowMs();
    const swept = [...grid, ...(await sweepBetween(engine, rows, slo, grid))];
    const sweepMs = gridMs + systemClock.nowMs() - betweenMs;
    const result = await runJoint(engine, rows, slo);
    const points = pointsToCompare(result.operatingPoint, swept, slo);
    const remeasured = await remeasure(engine, rows, slo, points);
    figures.push({
      model,
      sloFactor,
      slo,
      decisions: result.changes.length - 1,
      settlingMs: result.changes.at(-1)?.timeMs ?? Number.NaN,
      steady: result.steady,
      sweptPoints: swept.length,
      sweepMs,
      ...compare(result.operatingPoint, swept, remeasured),
      changes: result.changes,
      remeasured,
    });
  }
  return figures;
}

function runJoint(engine: OnnxEngine, rows: readonly Row[], slo: Slo): Promise<RunResult> {
  const scaler = createScaler('joint', { limits: engine.limits, estimate: estimatorFor() });
  const source = sourceOf(rows);
  return runTrial({ engine, scaler, slo, source, clock: systemClock, durationMs: runMs });
}

/**
 * Joint's point, the best points of the sweep and the best of each knob, no point twice: those that
 * may hold the SLO, and of those that did when swept the first, should the others turn out not to.
 */
function pointsToCompare(
  joint: OperatingPoint,
  swept: readonly Observation[],
  slo: Slo,
): readonly OperatingPoint[] {
  const all = [joint];
  const add = (from: readonly Observation[], count: number): void => {
    all.push(...from.slice(0, count).map(({ point }) => point));
  };
  const likely = rank(swept, (observation) => mayHold(observation, slo));
  const seen = rankWithin(swept, slo);
  add(likely, contenders);
  add(seen, 1);
  // Where the machine has slowed down since the sweep the others may not hold any more.
  const safe = rank(swept, ({ requestLatency }) => requestLatency.p50Ms <= safeShare * slo.limitMs);
  add(safe, safeContenders);
  for (const isOfKnob of [isBatching, isMultiTenancy]) {
    add(likely.filter(isOfKnob), 1);
    add(seen.filter(isOfKnob), 1);
    add(safe.filter(isOfKnob), 1);
  }
  return all.filter((point, at) => all.findIndex((other) => sameKnobs(point, other)) === at);
}

function isBatching({ point }: { readonly point: OperatingPoint }): boolean {
  return point.instances === 1;
}

function isMultiTenancy({ point }: { readonly point: OperatingPoint }): boolean {
  return point.batchSize === 1;
}

/** Rounds alternate in direction, so that no point always follows the same one. */
async function remeasure(
  engine: OnnxEngine,
  rows: readonly Row[],
  slo: Slo,
  points: readonly OperatingPoint[],
): Promise<readonly Remeasured[]> {
  const seen = points.map(() => ({ perS: [] as number[], executionMs: [] as Float64Array[] }));
  for (let round = 0; round < rounds; round += 1) {
    const order = points.map((_, at) => (round % 2 === 0 ? at : points.length - 1 - at));
    const inOrder = order.map((at) => points[at] as OperatingPoint);
    const executionMs: Float64Array[] = [];
    const onWindow = ({ sample }: WindowReport): void => void executionMs.push(sample.executionMs);
    const policy = { ...roundPolicy, listener: { onWindow } };
    const observations = await measurePoints(engine, rows, inOrder, policy);
    if (observations.length < inOrder.length) throw new Error('a sweep ended early');
    observations.forEach(({ throughputPerS }, i) => {
      const own = seen[order[i] as number];
      own?.perS.push(throughputPerS);
      own?.executionMs.push(executionMs[i] as Float64Array);
    });
  }
  return points.map((point, at) => {
    const { perS, executionMs } = seen[at] as (typeof seen)[0];
    // Of calls: rows left over from a larger point before this one would wait in line here.
    const controlledMs = summarizeLatencies(executionMs, slo.percentile).atPercentileMs;
    const held = controlledMs <= slo.limitMs;
    return { point, perS, medianPerS: median(perS), controlledMs, held };
  });
}

/** Joint's own point is among the sweep's where the sweep came by it. */
function compare(
  jointPoint: OperatingPoint,
  swept: readonly Observation[],
  remeasured: readonly Remeasured[],
): Pick<
  JointFigures,
  | 'joint'
  | 'best'
  | 'betterKnob'
  | 'jointOverBest'
  | 'jointOverLuckiest'
  | 'jointOverKnob'
  | 'bestOverKnob'
> {
  const joint = remeasured.find(({ point }) => sameKnobs(point, jointPoint)) as Remeasured;
  const held = remeasured.filter(
    (one) => one.held && swept.some(({ point }) => sameKnobs(one.point, point)),
  );
  const ofOneKnob = held.filter((one) => isBatching(one) || isMultiTenancy(one));
  const everyRound = (): boolean => true;
  const best = bestIn(held, everyRound);
  return {
    joint,
    best,
    betterKnob: bestIn(ofOneKnob, everyRound),
    jointOverBest: crossRatio([joint], held),
    jointOverLuckiest: best === null ? Number.NaN : ratioIn(joint, best, everyRound),
    jointOverKnob: crossRatio([joint], ofOneKnob),
    bestOverKnob: crossRatio(held, ofOneKnob),
  };
}

type Rounds = (round: number) => boolean;

/** The highest median throughput in some of the rounds. */
function bestIn(candidates: readonly Remeasured[], counts: Rounds): Remeasured | null {
  const perSOf = ({ perS }: Remeasured): number => median(perS.filter((_, at) => counts(at)));
  return candidates.toSorted((a, b) => perSOf(b) - perSOf(a))[0] ?? null;
}

/**
 * Throughput of the best of some points over that of the best of others, as the median of rounds.
 * The best of several equal points by the very rounds that it is then measured in is the one that
 * luck favoured there: that ratio errs against joint, on a restless machine by a tenth. So each half of
 * the rounds chooses, and the other one measures; the geometric mean of both counts. It errs the other
 * way, by what the true best has over the one chosen, where few rounds cannot tell them apart. NaN
 * without points to choose from.
 */
function crossRatio(above: readonly Remeasured[], below: readonly Remeasured[]): number {
  const isFirst: Rounds = (round) => Math.floor(round / 2) % 2 === 0;
  const isSecond: Rounds = (round) => !isFirst(round);
  const ratioWhen = (chooses: Rounds, measures: Rounds): number => {
    const a = bestIn(above, chooses);
    const b = bestIn(below, chooses);
    return a === null || b === null ? Number.NaN : ratioIn(a, b, measures);
  };
  return Math.sqrt(ratioWhen(isFirst, isSecond) * ratioWhen(isSecond, isFirst));
}

/** Median over some of the rounds. */
function ratioIn(a: Remeasured, b: Remeasured, counts: Rounds): number {
  const ratios = a.perS.map((perS, round) => perS / (b.perS[round] as number));
  return median(ratios.filter((_, round) => counts(round)));
}

/** How far the rounds lie apart, as a share of the median: ratios closer to 1 than that say little. */
function halfRange({ perS, medianPerS }: Remeasured): number {
  return (Math.max(...perS) - Math.min(...perS)) / (2 * medianPerS);
}

function shortPoint(point: OperatingPoint | undefined): string {
  return point === undefined
    ? 'none'
    : formatPoint({ batchSize: point.batchSize, instances: point.instances });
}

if (isMain(import.meta.url)) await runBenches([jointReal]);
