import { systemClock } from '../clock.ts';
import type { OnnxEngineOptions } from '../engines/onnx/options.ts';
import { openOnnxEngine } from '../engines/onnx/onnx-engine.ts';
import type { InstanceLatencyEstimator } from '../scaling/multi-tenancy.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import type { Objective } from '../scaling/objective.ts';
import type { Slo } from '../slo.ts';
import type { ModelSignature, Row } from '../tensor/row.ts';
import type { PowerMeter } from '../telemetry/power/power-meter.ts';
import { estimatorFor } from '../estimation/index.ts';
import type { DeploymentListener } from './deployment.ts';
import { Deployment } from './deployment.ts';

export interface DeployModelOptions extends OnnxEngineOptions {
  readonly slo: Slo;
  /** A scaler by name, as `createScaler` takes it; default `auto`. */
  readonly scaler?: string;
  /** For `multi-tenancy` and `dnnscaler`: latencies of instance counts not measured yet; default the library's. */
  readonly estimate?: InstanceLatencyEstimator;
  readonly listener?: DeploymentListener;
  /** What to raise where several points hold the SLO; default `throughput`. The other needs a meter. */
  readonly objective?: Objective;
  readonly meter?: PowerMeter;
}

/** A model that answers rows while its scaler holds the SLO. */
export interface DeployedModel {
  readonly signature: ModelSignature;
  /** For everything else: submit by callback, the SLO, health and the operating point. */
  readonly deployment: Deployment<Row, Row>;
  /** Answers one row. */
  infer(row: Row): Promise<Row>;
  /** Answers what was accepted, then releases everything. */
  close(): Promise<void>;
}

/** How long accepted rows may take to be answered when the model is closed. */
const drainLimitMs = 30_000;

/**
 * Deploys an ONNX file on the embedded engine of this machine.
 *
 * @throws DnnScalerError when the model, the provider or an option is no good; nothing is left
 *   running then
 */
export async function deployModel(options: DeployModelOptions): Promise<DeployedModel> {
  const engine = await openOnnxEngine(options);
  try {
    const { scaler = 'auto', estimate = estimatorFor(), slo, listener, meter } = options;
    const { objective = 'throughput' } = options;
    const deployment = new Deployment<Row, Row>({
      engine,
      scaler: createScaler(scaler, { limits: engine.limits, estimate, objective }),
      slo,
      clock: options.clock ?? systemClock,
      ...(listener && { listener }),
      ...(meter && { meter }),
    });
    await new Promise<void>((resolve, reject) => {
      deployment.start((error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    return {
      signature: engine.signature,
      deployment,
      infer: (row) => deployment.infer(row),
      async close() {
        await new Promise<void>((resolve) => {
          deployment.drain(drainLimitMs, resolve);
        });
        await engine.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
