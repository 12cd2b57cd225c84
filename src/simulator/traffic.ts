import { DnnScalerError } from '../errors.ts';
import type { Engine } from '../engines/engine.ts';
import type { Scaler } from '../scaling/scaler.ts';
import type { DeploymentListener } from '../serving/deployment.ts';
import { Deployment } from '../serving/deployment.ts';
import type { Slo } from '../slo.ts';
import type { Arrivals } from '../workload/arrivals.ts';
import { ClosedLoop } from '../workload/closed-loop.ts';
import { OpenLoop } from '../workload/open-loop.ts';
import { syntheticSource } from '../workload/row-source.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface TrafficOptions {
  readonly clock: VirtualClock;
  readonly engine: Engine<number, number>;
  readonly scaler: Scaler;
  readonly slo: Slo;
  /** Virtual time during which requests arrive, in ms. */
  readonly durationMs: number;
  /** When requests arrive; as many outstanding as the operating point holds when absent. */
  readonly arrivals?: Arrivals;
  readonly listener?: DeploymentListener;
  /** Told of every request when it was answered: now and its latency, in ms. */
  readonly onAnswer: (nowMs: number, latencyMs: number) => void;
  /** Ends the simulation at once, with requests unanswered, as soon as it says so. */
  readonly until?: () => boolean;
  /** Called when the first operating point took effect, to schedule what happens from then on. */
  readonly onStart?: (deployment: Deployment<number, number>) => void;
}

export interface TrafficSummary {
  readonly answered: number;
  readonly failed: number;
}

const drainLimitMs = 60_000;

/**
 * Serves simulated traffic and reports every single request, which a `Trial` sums up by windows.
 * Ends when everything that arrived has been answered.
 *
 * @throws DnnScalerError `internal` when nothing is left to happen and requests are unanswered
 */
export function simulateTraffic(options: TrafficOptions): TrafficSummary {
  const { clock, engine, scaler, slo, arrivals, onAnswer, until = () => false } = options;
  const listener = options.listener ?? {};
  const source = syntheticSource((index) => index);
  let answered = 0;
  let failed = 0;
  let isDrained = false;

  const submit = (row: number, settled: () => void): void => {
    const arrivalMs = clock.nowMs();
    deployment.submit(row, (error) => {
      if (error === null) {
        answered += 1;
        onAnswer(clock.nowMs(), clock.nowMs() - arrivalMs);
      } else {
        failed += 1;
      }
      settled();
    });
  };
  const closed = new ClosedLoop(source, submit);
  const open = arrivals && new OpenLoop(source, arrivals, clock, submit);
  const deployment = new Deployment<number, number>({
    engine,
    scaler,
    slo,
    clock,
    listener: {
      ...listener,
      onPoint: (point, tookMs, error) => {
        listener.onPoint?.(point, tookMs, error);
        if (open === undefined) closed.setOutstanding(point.batchSize * point.instances);
      },
    },
  });
  deployment.start((error) => {
    if (error !== null) throw error;
    options.onStart?.(deployment);
    open?.start();
    clock.setTimer(options.durationMs, () => {
      closed.stop();
      open?.stop();
      deployment.drain(drainLimitMs, () => {
        isDrained = true;
      });
    });
  });
  if (!clock.runWhile(() => isDrained || until())) {
    throw new DnnScalerError('internal', 'the simulation stalled with requests unanswered');
  }
  return { answered, failed };
}
