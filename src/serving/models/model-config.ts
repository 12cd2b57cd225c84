import { z } from 'zod';
import type { PreprocessingHint, PreprocessingName } from '../../datasets/image-signature.ts';
import { preprocessingHints } from '../../datasets/image-signature.ts';
import type { MemoryShare } from '../../engines/onnx/options.ts';
import { providers } from '../../engines/onnx/providers.ts';
import { DnnScalerError } from '../../errors.ts';
import type { LoadOptions } from '../../oip/data-plane.ts';
import { objectives } from '../../scaling/objective.ts';
import { makeSlo } from '../../slo.ts';
import type { Slo } from '../../slo.ts';
import { parseBytes, parseDurationMs } from '../../units.ts';

/** Name of the file in a model's folder that holds its configuration. */
export const configFileName = 'dnnscaler.json';

const count = z.int().min(1);
const perChannel = z.tuple([z.number(), z.number(), z.number()]);
const names = Object.keys(preprocessingHints) as [PreprocessingName, ...PreprocessingName[]];

const preprocessing = z.union([
  z.enum([...names, 'none']),
  z.strictObject({
    resize: z.enum(['stretch', 'cover', 'contain']).optional(),
    position: z.enum(['centre', 'left-top']).optional(),
    padding: z.number().min(0).max(255).optional(),
    channelOrder: z.enum(['RGB', 'BGR']).optional(),
    normalization: z
      .strictObject({ scale: z.number(), mean: perChannel, std: perChannel })
      .optional(),
  }),
]);

const schema = z.strictObject({
  slo: z.union([z.string(), z.number()]).optional(),
  percentile: z.number().gt(0).lt(1).optional(),
  scaler: z.string().optional(),
  objective: z.enum(objectives).optional(),
  preprocessing: preprocessing.optional(),
  labels: z.union([z.string(), z.array(z.string())]).optional(),
  shapes: z.record(z.string(), z.array(count)).optional(),
  provider: z.enum(providers as unknown as [string, ...string[]]).optional(),
  isolation: z.enum(['thread', 'process']).optional(),
  device: z.int().min(0).optional(),
  memoryPerInstance: z.union([z.number().gt(0).max(1), z.string()]).optional(),
  threadsPerInstance: z.union([count, z.literal('auto')]).optional(),
  maxInstances: count.optional(),
  maxBatchSize: count.optional(),
});

/** What a model's configuration may say; all of it is optional. */
export type ModelConfigFile = z.infer<typeof schema>;

/**
 * Reads a configuration.
 *
 * @param where for error messages: the file
 * @throws DnnScalerError `invalid-argument` naming the first field that is wrong
 */
export function parseModelConfig(text: string, where: string): ModelConfigFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    const message = `${where} is no JSON: ${(thrown as Error).message}`;
    throw new DnnScalerError('invalid-argument', message);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    const message = `${where}: ${field === '' ? '' : `${field}: `}${issue?.message ?? 'is invalid'}`;
    throw new DnnScalerError('invalid-argument', message);
  }
  return parsed.data;
}

/**
 * The configuration in force: what came with the request, else what is stored, else nothing.
 *
 * @throws DnnScalerError as `parseModelConfig` does
 */
export function configOf(
  { config }: LoadOptions,
  stored: string | undefined,
  where: string,
): ModelConfigFile {
  if (config !== undefined) return parseModelConfig(config, 'config');
  return stored === undefined ? {} : parseModelConfig(stored, where);
}

/**
 * The objective that a configuration asks for, where it does.
 *
 * @throws DnnScalerError `invalid-argument` for a limit that is no duration
 */
export function sloOf(config: ModelConfigFile, fallback: Slo): Slo {
  const { slo, percentile = fallback.percentile } = config;
  if (slo === undefined) return makeSlo(fallback.limitMs, percentile);
  const limitMs = typeof slo === 'number' ? slo : parseDurationMs(slo, 'slo');
  return makeSlo(limitMs, percentile);
}

/**
 * The GPU memory of each instance that a configuration asks for, where it does.
 *
 * @throws DnnScalerError `invalid-argument` for a text that is no number of bytes
 */
export function memoryShareOf({ memoryPerInstance }: ModelConfigFile): MemoryShare | undefined {
  if (memoryPerInstance === undefined) return undefined;
  return typeof memoryPerInstance === 'number'
    ? { fraction: memoryPerInstance }
    : { bytes: parseBytes(memoryPerInstance, 'memoryPerInstance') };
}

/** The hint that a configuration gives; `none` and undefined as they are. */
export function hintOf(
  chosen: ModelConfigFile['preprocessing'],
): PreprocessingHint | 'none' | undefined {
  if (chosen === undefined || chosen === 'none') return chosen;
  // What is left out of the file is absent, not undefined.
  return typeof chosen === 'string' ? preprocessingHints[chosen] : (chosen as PreprocessingHint);
}
