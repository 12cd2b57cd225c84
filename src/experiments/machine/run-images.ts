import type { Clock } from '../../clock.ts';
import type { PreprocessingHint } from '../../datasets/image-signature.ts';
import type { OnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import { DnnScalerError } from '../../errors.ts';
import type { InstanceLatencyEstimator } from '../../scaling/multi-tenancy.ts';
import { createScaler } from '../../scaling/create-scaler.ts';
import type { ImagesOnEngine, PreprocessingMode } from '../../serving/images-on-engine.ts';
import { imagesOnEngine } from '../../serving/images-on-engine.ts';
import type { RunResult } from '../../serving/run-result.ts';
import { runSweep } from '../../serving/sweep.ts';
import { Trial } from '../../serving/trial.ts';
import { makeSlo } from '../../slo.ts';
import type { Row } from '../../tensor/row.ts';
import type { RowSourceStats } from '../../workload/row-source.ts';
import type { PlanOptions, RunPlan } from './run-plan.ts';
import { planRun } from './run-plan.ts';

/** The SLO: a limit, or a multiple of what one image takes at one instance. */
export type SloRule = { readonly limitMs: number } | { readonly factor: number };

/** What is the same for every network of an experiment. */
export interface MachineConditions {
  readonly scalers: readonly string[];
  readonly seed: number;
  readonly clock: Clock;
  /** How long each scaler runs. */
  readonly duration: Pick<PlanOptions, 'shortestMs' | 'longestMs' | 'durationMs'>;
  readonly estimate: InstanceLatencyEstimator;
  /** Called with a function that ends what runs at the moment. */
  readonly onStoppable?: (stop: () => void) => void;
  readonly isCancelled?: () => boolean;
}

export interface ImageRunOptions extends MachineConditions {
  readonly engine: OnnxEngine;
  readonly folder: string;
  readonly mode: PreprocessingMode;
  readonly hint?: PreprocessingHint;
  readonly slo: SloRule;
  readonly onStep?: (what: string) => void;
}

/** One network with one way of preprocessing, under several scalers. */
export interface ImageRun {
  readonly mode: PreprocessingMode;
  /** Median latency of one image at one instance, in ms. */
  readonly baseMs: number;
  readonly sloMs: number;
  readonly plan: RunPlan;
  readonly input: RowSourceStats;
  readonly runs: Readonly<Record<string, RunResult>>;
}

/** Time measured at (1,1), and calls at least. */
const basePointMs = 1500;
const basePointCalls = 12;

/**
 * Measures a network at (1,1), sets its SLO and runs the scalers one after the other, on a real
 * engine. The engine stays the caller's.
 *
 * @throws DnnScalerError `cancelled` when it was ended early; as `imagesOnEngine` does
 */
export async function runImages(options: ImageRunOptions): Promise<ImageRun> {
  const { engine, folder, mode, hint, seed, scalers } = options;
  const images = await imagesOnEngine(engine, {
    ...{ folder, mode, seed },
    // Every image is decoded each time, as it would be in a folder that no cache holds.
    cacheBytes: 0,
    ...(hint && { hint }),
  });
  try {
    options.onStep?.('one image at a time');
    const baseMs = await measureBase(images, options);
    const sloMs =
      'factor' in options.slo ? rounded(options.slo.factor * baseMs) : options.slo.limitMs;
    const plan = planRun({
      ...options.duration,
      baseMs,
      sloFactor: sloMs / baseMs,
      maxBatchSize: engine.limits.maxBatchSize,
    });
    const runs: Record<string, RunResult> = {};
    for (const scaler of scalers) {
      options.onStep?.(scaler);
      runs[scaler] = await runScaler(images, scaler, { ...plan, sloMs }, options);
    }
    return { mode, baseMs, sloMs, plan, input: images.source.stats, runs };
  } finally {
    await images.source.close();
  }
}

async function measureBase(
  { engine, source }: ImagesOnEngine,
  options: ImageRunOptions,
): Promise<number> {
  const { minBatchSize } = engine.limits;
  const [base] = await runSweep<Row, Row>({
    engine,
    source,
    clock: options.clock,
    points: [{ batchSize: minBatchSize, instances: 1 }],
    pointMs: basePointMs,
    pointCalls: basePointCalls,
    ...(options.onStoppable && { onStoppable: options.onStoppable }),
  });
  refuseIfCancelled(options);
  if (base === undefined) throw new DnnScalerError('internal', 'nothing was measured at (1,1)');
  return base.requestLatency.p50Ms;
}

async function runScaler(
  { engine, source, onReply }: ImagesOnEngine,
  name: string,
  { sloMs, durationMs, steadyLimitMs, maxBatchSize }: RunPlan & { readonly sloMs: number },
  options: ImageRunOptions,
): Promise<RunResult> {
  const limits = { ...engine.limits, maxBatchSize };
  const trial = new Trial<Row, Row>({
    engine,
    scaler: createScaler(name, { limits, estimate: options.estimate }),
    slo: makeSlo(sloMs),
    source,
    clock: options.clock,
    durationMs,
    steadyLimitMs,
    onReply,
  });
  options.onStoppable?.(() => {
    trial.stop();
  });
  const result = await trial.run();
  refuseIfCancelled(options);
  return result;
}

function refuseIfCancelled({ isCancelled }: MachineConditions): void {
  if (isCancelled?.() === true) {
    throw new DnnScalerError('cancelled', 'interrupted; what was finished is kept');
  }
}

/** An SLO as a person would set it: two digits. */
function rounded(ms: number): number {
  return Number(ms.toPrecision(2));
}
