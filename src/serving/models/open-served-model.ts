import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../clock.ts';
import type { PreprocessingHint } from '../../datasets/image-signature.ts';
import { recognizePreprocessing, specForSignature } from '../../datasets/image-signature.ts';
import type { PreprocessingSpec } from '../../datasets/preprocess.ts';
import { randomRow } from '../../datasets/random-row.ts';
import type { OnnxEngine, OnnxSignature } from '../../engines/onnx/onnx-engine.ts';
import { openOnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import type { OnnxEngineOptions } from '../../engines/onnx/options.ts';
import { DnnScalerError } from '../../errors.ts';
import { estimatorFor } from '../../estimation/index.ts';
import { Random } from '../../random.ts';
import { createScaler } from '../../scaling/create-scaler.ts';
import type { Objective } from '../../scaling/objective.ts';
import type { Slo } from '../../slo.ts';
import type { Row } from '../../tensor/row.ts';
import { syntheticSource } from '../../workload/row-source.ts';
import { externalDataLocations } from '../../zoo/onnx/external-data.ts';
import type { DeploymentListener } from '../deployment.ts';
import type { PowerMeter } from '../../telemetry/power/power-meter.ts';
import { Deployment } from '../deployment.ts';
import { Calibration } from './calibration.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ServedModelListener } from './served-model.ts';
import { ServedModel } from './served-model.ts';
import { StatisticsCounter } from './statistics.ts';

/** A model as it is to be served. */
export interface ServedModelSpec {
  readonly name: string;
  readonly version: string;
  readonly slo: Slo;
  /** By name, as `createScaler` takes it; `auto` is `joint`. */
  readonly scaler: string;
  /** What to raise where several points hold the SLO; default `throughput`. */
  readonly objective?: Objective;
  readonly engine: OnnxEngineOptions;
  /** `undefined`: only where the model says itself how (bytes, or a pipeline that is recognized). */
  readonly preprocessing: PreprocessingHint | 'none' | undefined;
  readonly labels: readonly string[];
  /** Makes rows such as the model would meet; default: rows of chance. */
  readonly makeRow?: (random: Random) => Row;
}

/** What all models of a server share. */
export interface ServingContext {
  readonly clock: Clock;
  readonly budget: MemoryBudget;
  /** Images of more pixels are refused before they are decoded. */
  readonly maxPixels: number;
  /** The longest that finding the operating point may take before a model is ready, in ms. */
  readonly calibrateMs: number;
  /** Of what the engines run on. */
  readonly meter?: PowerMeter;
  /** Resolves once it is clear whether the meter tells anything: with null, or why not. */
  readonly metered?: Promise<string | null>;
  readonly listen: (name: string, version: string) => ServedModelListener & DeploymentListener;
}

/**
 * Loads a model, brings it to its operating point and gives it back ready to serve.
 *
 * @param closing cuts the search for the operating point short
 * @throws DnnScalerError when the model or an option is no good; nothing is left running then
 */
export async function openServedModel(
  spec: ServedModelSpec,
  context: ServingContext,
  closing: AbortSignal,
): Promise<ServedModel> {
  const { clock } = context;
  if (spec.objective === 'throughput-per-watt') await requireMeter(context);
  await keepExternalDataInside(spec.engine.modelPath);
  const random = new Random(spec.engine.seed ?? 1);
  const sampleRow = spec.makeRow?.(random);
  const engine = await openOnnxEngine({ ...spec.engine, ...(sampleRow && { sampleRow }) });
  try {
    const listener = context.listen(spec.name, spec.version);
    const statistics = new StatisticsCounter();
    const calibration = new Calibration();
    const state = { isCalibrating: true };
    const deployment = new Deployment<Row, Row>({
      engine,
      scaler: createScaler(spec.scaler, {
        limits: engine.limits,
        estimate: estimatorFor(),
        ...(spec.objective && { objective: spec.objective }),
      }),
      ...(context.meter && { meter: context.meter }),
      slo: spec.slo,
      clock,
      listener: {
        onWindow: (report) => {
          calibration.listener.onWindow?.(report);
          listener.onWindow?.(report);
        },
        onPoint: (point, tookMs, error) => {
          calibration.listener.onPoint?.(point, tookMs, error);
          listener.onPoint?.(point, tookMs, error);
        },
        onHealth: (health) => listener.onHealth?.(health),
        onCall: (call) => {
          if (state.isCalibrating) return;
          statistics.recordCall(call);
          listener.onCall?.(call);
        },
      },
    });
    const model = new ServedModel({
      name: spec.name,
      version: spec.version,
      engine,
      deployment,
      clock,
      budget: context.budget,
      preprocessing: preprocessingFor(spec.preprocessing, engine.signature),
      maxPixels: context.maxPixels,
      labels: spec.labels,
      statistics,
      listener,
    });
    await started(deployment);
    const source = syntheticSource(() => rowFor(spec, engine, random));
    await calibration.run(deployment, source, context.calibrateMs, clock, closing);
    state.isCalibrating = false;
    return model;
  } catch (thrown) {
    await engine.close();
    throw thrown;
  }
}

/** @throws DnnScalerError `unsupported`, saying why, where power is not measured */
async function requireMeter({ metered }: ServingContext): Promise<void> {
  const why = metered === undefined ? 'the server measures no power' : await metered;
  if (why === null) return;
  const message = `the objective throughput-per-watt needs a power meter, and here is none: ${why}`;
  throw new DnnScalerError('unsupported', message);
}

function started(deployment: Deployment<Row, Row>): Promise<void> {
  return new Promise((resolve, reject) => {
    deployment.start((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** A model that rejects made-up values is known to accept one row. */
function rowFor({ makeRow }: ServedModelSpec, engine: OnnxEngine, random: Random): Row {
  if (makeRow !== undefined) return makeRow(random);
  const onlyNumbers = engine.signature.inputs.every(({ datatype }) => datatype.startsWith('FP'));
  return onlyNumbers ? randomRow(engine.signature, random) : engine.knownGoodRow;
}

/** How images become rows of this model, if they can without guessing. */
function preprocessingFor(
  hint: ServedModelSpec['preprocessing'],
  signature: OnnxSignature,
): PreprocessingSpec | null {
  if (hint === 'none') return null;
  if (hint !== undefined) return specForSignature(signature, hint);
  // Bytes need no normalization; for floats a wrong one would give wrong answers in silence.
  const saysItself =
    signature.inputs[0]?.datatype === 'UINT8' || recognizePreprocessing(signature) !== 'inception';
  if (!saysItself) return null;
  try {
    return specForSignature(signature);
  } catch (thrown) {
    if (thrown instanceof DnnScalerError) return null;
    throw thrown;
  }
}

/**
 * A model may keep weights in files of its own folder, and nowhere else.
 *
 * @throws DnnScalerError `invalid-argument` for one that points out of it; `not-found` without a file
 */
async function keepExternalDataInside(modelPath: string): Promise<void> {
  const bytes = await readFile(modelPath).catch((cause: unknown) => {
    throw new DnnScalerError('not-found', `there is no model file at ${modelPath}`, { cause });
  });
  let locations: readonly string[];
  try {
    locations = externalDataLocations(bytes);
  } catch {
    // What cannot be read here, the runtime will refuse, and say why.
    return;
  }
  const folder = path.dirname(await realpath(modelPath));
  for (const location of locations) {
    const file = path.resolve(folder, location);
    const real = await realpath(file).catch(() => file);
    for (const candidate of [file, real]) {
      const relative = path.relative(folder, candidate);
      if (!relative.startsWith('..') && !path.isAbsolute(relative)) continue;
      const message = `the model keeps data outside of its folder, at ${JSON.stringify(location)}, which is not allowed`;
      throw new DnnScalerError('invalid-argument', message);
    }
  }
}
