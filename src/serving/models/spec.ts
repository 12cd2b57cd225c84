import type { OnnxEngineOptions } from '../../engines/onnx/options.ts';
import type { Objective } from '../../scaling/objective.ts';
import type { Slo } from '../../slo.ts';
import type { ModelConfigFile } from './model-config.ts';
import { hintOf, memoryShareOf, sloOf } from './model-config.ts';
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
  const { device, objective = defaults.objective } = config;
  const memoryPerInstance = memoryShareOf(config);
  return {
    name,
    version,
    slo: sloOf(config, defaults.slo),
    scaler: config.scaler ?? defaults.scaler,
    ...(objective && { objective }),
    engine: {
      ...engineDefaults(model),
      modelPath,
      ...(shapes && { shapes, foreignShapes: 'refused' as const }),
      ...(provider !== undefined && {
        provider: provider as OnnxEngineOptions['provider'] & string,
      }),
      ...(isolation && { isolation }),
      ...(device !== undefined && { device }),
      ...(memoryPerInstance && { memoryPerInstance }),
      ...(threadsPerInstance !== undefined && { threadsPerInstance }),
      ...(maxInstances !== undefined && { maxInstances }),
      ...(maxBatchSize !== undefined && { maxBatchSize }),
    },
    preprocessing: hintOf(config.preprocessing),
    labels,
  };
}

/** Those of the server, less what speaks of the GPU of a provider that this model does not use. */
function engineDefaults({ config, defaults }: ConfiguredModel): ModelDefaults['engine'] {
  const { device, memoryPerInstance, ...others } = defaults.engine;
  const { provider = 'cpu' } = defaults.engine;
  if (config.provider !== undefined && config.provider !== provider) return others;
  return {
    ...others,
    ...(device !== undefined && { device }),
    ...(memoryPerInstance && { memoryPerInstance }),
  };
}
