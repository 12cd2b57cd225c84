import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engines/engine.ts';
import { toDnnScalerError } from '../../errors.ts';
import { estimatorFor } from '../../estimation/index.ts';
import { formatPoint } from '../../operating-point.ts';
import { createScaler } from '../../scaling/create-scaler.ts';
import { runSweep } from '../../serving/sweep.ts';
import { runTrial } from '../../serving/trial.ts';
import type { Slo } from '../../slo.ts';
import { makeSlo } from '../../slo.ts';
import type { PowerMeter } from '../../telemetry/power/power-meter.ts';
import { formatMs } from '../../units.ts';
import type { RowSource } from '../../workload/row-source.ts';
import type { MeasuredPoint, NetworkReport, ScalerChoice } from './network-report.ts';
import { bestWithin, choiceOf, improvements, measuredPoint } from './network-report.ts';
import type { KnownCall, KnownStart } from './plan.ts';
import { costBoundMs, startBoundMs, sweepPlan } from './plan.ts';
import type { TimeBudget } from './time-budget.ts';
import type { Yardstick } from './yardstick.ts';

export interface MeasureNetworkOptions<Row, Reply> {
  readonly network: string;
  readonly engine: Engine<Row, Reply>;
  readonly source: RowSource<Row>;
  readonly clock: Clock;
  readonly budget: TimeBudget;
  readonly meter: PowerMeter | undefined;
  /** The SLO over the p95 latency at (1,1). */
  readonly sloFactor: number;
  /** Measures the yardstick within a budget, once the sweep has shown what batches there are. */
  readonly yardstick: (budgetMs: number) => Promise<Yardstick>;
  /** True once the benchmark is to end. */
  readonly isStopping: () => boolean;
  /** Told all but the yardstick, before that is measured: it may hang. */
  readonly onMeasured?: (report: NetworkReport) => Promise<void>;
  /** Told what is done now. */
  readonly onStep: (what: string) => void;
}

/** Shares of a network's time. */
const shares = { sweep: 0.5, eachScaler: 0.17 } as const;
/** Time at a point and of a scaler's run, in ms, at most; both get by with less. */
const longestPointMs = 1500;
const shortestPointMs = 150;
const longestRunMs = 20_000;
/** A scaler needs some windows to come anywhere. */
const shortestRunMs = 1500;
const plannedPoints = 28;

/** Measures one network on an open engine, the most important first, until its time is up. */
export async function measureNetwork<Row, Reply>(
  options: MeasureNetworkOptions<Row, Reply>,
): Promise<NetworkReport> {
  const { network, engine, budget } = options;
  const dropped: string[] = [];
  const points = await sweep(options, dropped);
  const slo = sloOf(points, options.sloFactor);
  const choices: Record<string, ScalerChoice> = {};
  for (const scaler of ['dnnscaler', 'joint']) {
    const choice = slo === null ? null : await runScaler(options, scaler, slo, dropped);
    if (choice !== null) choices[scaler] = choice;
  }
  const report = {
    ...{ network, engine: engine.name, slo, ...improvements(points), points, choices },
    bestOfSweep: slo === null ? null : bestWithin(points, slo),
    ...{ yardstick: { skipped: 'it was not measured yet' }, dropped },
  };
  await options.onMeasured?.(report);
  options.onStep('the yardstick');
  const yardstick: Yardstick =
    budget.leftMs < shortestRunMs || options.isStopping()
      ? { skipped: 'no time was left' }
      : await options
          .yardstick(budget.leftMs)
          .catch((thrown: unknown) => ({ skipped: toDnnScalerError(thrown).message }));
  return { ...report, yardstick };
}

async function sweep<Row, Reply>(
  options: MeasureNetworkOptions<Row, Reply>,
  dropped: string[],
): Promise<MeasuredPoint[]> {
  const { engine, source, clock, meter } = options;
  const budget = options.budget.share(shares.sweep);
  const pointMs = Math.min(
    longestPointMs,
    Math.max(shortestPointMs, budget.leftMs / plannedPoints / 2),
  );
  const points: MeasuredPoint[] = [];
  const known: KnownCall[] = [];
  let instances = 1;
  const starts: KnownStart[] = [];
  for (const point of sweepPlan(engine.limits)) {
    const started = Math.max(0, point.instances - instances);
    const boundMs = costBoundMs(point, known, pointMs) + startBoundMs(started, starts);
    // The very first is needed for everything else.
    if (options.isStopping() || (points.length > 0 && boundMs > budget.leftMs)) {
      const left = options.isStopping() ? 'stopped' : `${formatMs(budget.leftMs)} were left`;
      dropped.push(`${formatPoint(point)}: may take ${formatMs(boundMs)}, ${left}`);
      continue;
    }
    options.onStep(formatPoint(point));
    const begunMs = clock.nowMs();
    try {
      const [observation] = await runSweep({
        ...{ engine, source, clock, points: [point], pointMs },
        ...(meter && { meter }),
      });
      if (observation === undefined) continue;
      const tookMs = clock.nowMs() - begunMs;
      if (started > 0) {
        starts.push({ started, tookMs: tookMs - observation.durationMs });
      }
      instances = observation.point.instances;
      known.push({ point: observation.point, callMs: observation.executionLatency.meanMs });
      const measured = measuredPoint(observation);
      const isNew = !points.some(
        ({ batchSize, instances }) =>
          batchSize === measured.batchSize && instances === measured.instances,
      );
      // An engine that reached less than it was asked for stands at a point that is known.
      if (isNew && observation.rows > 0) points.push(measured);
      if (measured.instances < point.instances) {
        dropped.push(`${formatPoint(point)}: only ${measured.instances} were reached`);
      }
    } catch (thrown) {
      dropped.push(`${formatPoint(point)}: ${toDnnScalerError(thrown).message}`);
    }
  }
  return points;
}

function sloOf(points: readonly MeasuredPoint[], factor: number): Slo | null {
  const base = points[0];
  return base === undefined ? null : makeSlo(Number((factor * base.p95Ms).toPrecision(2)));
}

async function runScaler<Row, Reply>(
  options: MeasureNetworkOptions<Row, Reply>,
  name: string,
  slo: Slo,
  dropped: string[],
): Promise<ScalerChoice | null> {
  const { engine, source, clock, budget, meter } = options;
  // What the sweep did not use is for the scalers; what they leave, for the yardstick.
  const share =
    name === 'joint' ? shares.eachScaler / (1 - shares.sweep - shares.eachScaler) : 0.33;
  const durationMs = Math.min(longestRunMs, budget.leftMs * share);
  if (durationMs < shortestRunMs || options.isStopping()) {
    dropped.push(`${name}: ${formatMs(durationMs)} were left`);
    return null;
  }
  options.onStep(`${name} for ${formatMs(durationMs)}`);
  try {
    const windowMs = Math.min(1000, durationMs / 20);
    const scaler = createScaler(name, { limits: engine.limits, estimate: estimatorFor() });
    const result = await runTrial({
      ...{ engine, scaler, slo, source, clock, durationMs },
      windows: { minMs: windowMs, throughputMinMs: windowMs },
      ...(meter && { meter }),
    });
    return choiceOf(result);
  } catch (thrown) {
    dropped.push(`${name}: ${toDnnScalerError(thrown).message}`);
    return null;
  }
}
