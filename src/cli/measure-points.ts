import { systemClock } from '../clock.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { formatPoint } from '../operating-point.ts';
import type { Observation } from '../scaling/scaler.ts';
import { runSweep } from '../serving/sweep.ts';
import { formatPerS } from '../units.ts';
import type { Interrupts } from './interrupt.ts';
import type { OpenedModel } from './open-model.ts';
import { stepProgress } from './step-progress.ts';

export interface MeasureOptions {
  /** Time measured at each point, in ms, at least. */
  readonly pointMs: number;
  readonly interrupts: Interrupts;
  readonly quiet: boolean;
}

/**
 * Measures points in turn, showing progress on standard error.
 *
 * @throws DnnScalerError `cancelled` when a signal ended it before every point was measured
 */
export async function measurePoints(
  model: OpenedModel,
  points: readonly OperatingPoint[],
  options: MeasureOptions,
): Promise<readonly Observation[]> {
  const observations = await measureUntilInterrupted(model, points, options);
  if (observations.length < points.length) {
    throw new DnnScalerError('cancelled', 'interrupted before every point was measured');
  }
  return observations;
}

/** The same; when a signal ends it, those measured until then. */
export async function measureUntilInterrupted(
  { engine, source }: OpenedModel,
  points: readonly OperatingPoint[],
  { pointMs, interrupts, quiet }: MeasureOptions,
): Promise<readonly Observation[]> {
  if (interrupts.pending) return [];
  const progress = stepProgress(quiet ? null : process.stderr);
  try {
    return await runSweep({
      engine,
      source,
      clock: systemClock,
      points,
      pointMs,
      onPoint: ({ point, throughputPerS }, done, total) => {
        progress.update(done, total, `${formatPoint(point)}: ${formatPerS(throughputPerS)}`);
      },
      onStoppable: (stop) => {
        interrupts.handle(stop);
      },
    });
  } finally {
    progress.end();
  }
}
