import { DnnScalerError } from '../errors.ts';
import type { RunResult } from '../serving/run-result.ts';
import type { TrialOptions } from '../serving/trial.ts';
import { Trial } from '../serving/trial.ts';
import { syntheticSource } from '../workload/row-source.ts';
import type { RowSource } from '../workload/row-source.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface SimulationOptions<Reply> extends Omit<
  TrialOptions<number, Reply>,
  'clock' | 'source'
> {
  readonly clock: VirtualClock;
  /** Rows are numbers, which is all that a simulated engine needs; the same few by default. */
  readonly source?: RowSource<number>;
  /** Called with the trial before time starts, to schedule what happens to it. */
  readonly arrange?: (trial: Trial<number, Reply>) => void;
}

/**
 * Runs a trial to its end in virtual time. Everything but the engine and the clock is what serves
 * real traffic.
 *
 * @throws DnnScalerError `internal` when nothing is left to happen and the trial has not ended
 */
export function simulate<Reply>(options: SimulationOptions<Reply>): Promise<RunResult> {
  const { clock, arrange, source = syntheticSource((index) => index), ...rest } = options;
  const trial = new Trial<number, Reply>({ ...rest, clock, source });
  arrange?.(trial);
  trial.start();
  if (!clock.runWhile(() => trial.isEnded)) {
    throw new DnnScalerError('internal', 'the simulation stalled before its trial had ended');
  }
  return trial.finished;
}
