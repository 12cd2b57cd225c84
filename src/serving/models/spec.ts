import type { OnnxEngineOptions } from '../../engines/onnx/options.ts';
import type { Objective } from '../../scaling/objective.ts';
import type { Slo } from '../../slo.ts';
import type { ModelConfigFile } from './model-config.ts';
import { hintOf, sloOf } from './model-config.ts';
import type { ServedModelSpec } from './open-served-model.ts';

/** What holds for every model that does not say otherwise. */
export interface ModelDefaults {
  readonly slo: Slo;
  readonly scaler: string;
  readonly objective?: Objective;
  readonly engine: Omit<OnnxEngineOptions, 'modelPath'>;
}

/** A version of a model, found and configured. */
export interface ConfiguredModel {
  readonly name: string;
  readonly version: string;
  readonly modelPath: string;
  readonly config: ModelConfigFile;
  readonly labels: readonly string[];
  readonly defaults: ModelDefaults;
}

/** What is to be served, from a configuration and the server's defaults. */
export function specOf(model: ConfiguredModel): ServedModelSpec {
  const { name, version, modelPath, config, labels, defaults } = model;
  const { provider, isolation, threadsPerInstance, maxInstances, maxBatchSize, shapes } = config;
  return {
    name,
    version,
    slo: sloOf(config, defaults.slo),
    scaler: config.scaler ?? defaults.scaler,
    ...(defaults.objective && { objective: defaults.objective }),
    engine: {
      ...defaults.engine,
      modelPath,
      ...(shapes && { shapes }),
      ...(provider !== undefined && {
        provider: provider as OnnxEngineOptions['provider'] & string,
      }),
      ...(isolation && { isolation }),
      ...(threadsPerInstance !== undefined && { threadsPerInstance }),
      ...(maxInstances !== undefined && { maxInstances }),
      ...(maxBatchSize !== undefined && { maxBatchSize }),
    },
    preprocessing: hintOf(config.preprocessing),
    labels,
  };
}
