import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import type { Observation } from '../scaling/scaler.ts';
import { VisitScaler } from '../scaling/visit.ts';
import type { Slo } from '../slo.ts';
import { defaultPercentile } from '../slo.ts';
import type { WindowPolicy } from './measurement.ts';
import type { TrialOptions } from './trial.ts';
import { Trial } from './trial.ts';

export interface SweepOptions<Row, Reply> extends Omit<
  TrialOptions<Row, Reply>,
  'scaler' | 'slo' | 'durationMs' | 'windows'
> {
  readonly points: readonly OperatingPoint[];
  /** Time measured at each point, in ms, at least. */
  readonly pointMs: number;
  /** Calls measured at each point, at least; default as for any throughput window. */
  readonly pointCalls?: number;
  /** Percentile of the latencies told. */
  readonly percentile?: number;
  /** Called after each point. */
  readonly onPoint?: (observation: Observation, done: number, total: number) => void;
  /** Called with a function that ends the sweep early, with what it has. */
  readonly onStoppable?: (stop: () => void) => void;
}

/** No point breaks this, so a sweep stays as long at each. */
const noLimitMs = Number.MAX_VALUE;

/** A sweep that has not ended after this long is stuck. */
const longestMs = 24 * 3_600_000;

/** Measures each point in turn in a closed loop, and answers what was observed there. */
export async function runSweep<Row, Reply>(
  options: SweepOptions<Row, Reply>,
): Promise<readonly Observation[]> {
  const {
    points,
    pointMs,
    pointCalls,
    percentile = defaultPercentile,
    onPoint,
    onStoppable,
  } = options;
  if (points.length === 0)
    throw new DnnScalerError('invalid-argument', 'a sweep needs at least one point');
  const scaler = new VisitScaler(points);
  const slo: Slo = { percentile, limitMs: noLimitMs };
  const windows: Partial<WindowPolicy> = {
    throughputMinMs: pointMs,
    ...(pointCalls !== undefined && { throughputMinCalls: pointCalls }),
  };
  const trial = new Trial<Row, Reply>({
    ...options,
    scaler,
    slo,
    windows,
    durationMs: longestMs,
    listener: {
      ...options.listener,
      onWindow: (report) => {
        options.listener?.onWindow?.(report);
        const latest = scaler.observations.at(-1);
        if (latest !== undefined) onPoint?.(latest, scaler.observations.length, points.length);
        if (scaler.isDone) trial.stop();
      },
    },
  });
  onStoppable?.(() => {
    trial.stop();
  });
  await trial.run();
  return scaler.observations;
}
