import { systemClock } from '../clock.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import type { Objective } from '../scaling/objective.ts';
import type { Scaler } from '../scaling/scaler.ts';
import type { RunResult } from '../serving/run-result.ts';
import { Trial } from '../serving/trial.ts';
import type { Slo } from '../slo.ts';
import type { Power } from '../telemetry/power/open-power.ts';
import type { Row } from '../tensor/row.ts';
import type { Interrupts } from './interrupt.ts';
import type { OpenedModel } from './open-model.ts';
import { estimatorOn, keepProfile } from './profiles.ts';
import { describeGpu } from './gpu-text.ts';
import { progressView } from './progress-view.ts';

export interface RunScalerOptions {
  readonly scaler: string;
  readonly slo: Slo;
  readonly durationMs: number;
  readonly interrupts: Interrupts;
  readonly quiet: boolean;
  /** Default throughput. */
  readonly objective?: Objective;
  /** Default: power is not measured. */
  readonly power?: Power;
}

/**
 * Makes a scaler for an open model.
 *
 * @throws DnnScalerError `invalid-argument` for one that does not exist, or does not fit the model
 */
export async function scalerFor(
  model: OpenedModel,
  name: string,
  objective?: Objective,
): Promise<Scaler> {
  return createScaler(name, {
    limits: model.engine.limits,
    estimate: await estimatorOn(model),
    ...(objective && { objective }),
  });
}

/** Runs one scaler on an open model, showing progress on standard error; Ctrl-C ends it early. */
export async function runScaler(model: OpenedModel, options: RunScalerOptions): Promise<RunResult> {
  const { slo, durationMs, objective, power } = options;
  const { engine, source } = model;
  const scaler = await scalerFor(model, options.scaler, objective);
  const view = progressView({
    model: model.name,
    durationMs,
    clock: systemClock,
    stream: process.stderr,
    quiet: options.quiet,
    ...(power && { hardware: () => describeGpu(power) }),
  });
  const trial = new Trial<Row, Row>({
    engine,
    scaler,
    slo,
    source,
    clock: systemClock,
    durationMs,
    listener: view.listener,
    ...(model.onReply && { onReply: model.onReply }),
    ...(power && { meter: power.meter }),
  });
  options.interrupts.handle(() => {
    trial.stop();
  });
  view.begin(trial);
  try {
    const result = await trial.start().finished;
    // The next one on this engine must not find it at a change; after a signal there is none.
    if (!options.interrupts.pending) await trial.deployment.whenStill();
    await keepProfile(model, latenciesByInstances(result, engine.limits.minBatchSize));
    return result;
  } finally {
    view.end();
  }
}

/** The median latency at each count of instances that was visited at the smallest batch, in ms. */
function latenciesByInstances(
  { windows }: RunResult,
  smallestBatch: number,
): ReadonlyMap<number, number> {
  const cells = new Map<number, number>();
  for (const { point, p50Ms } of windows) {
    if (point.batchSize === smallestBatch && p50Ms > 0) cells.set(point.instances, p50Ms);
  }
  return cells;
}
