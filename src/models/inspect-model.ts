import { openOnnxEngine } from '../engines/onnx/onnx-engine.ts';
import { DnnScalerError } from '../errors.ts';
import { inspectFile } from './inspect-file.ts';
import type { FileReport, Shapes } from './inspect-file.ts';

/** What running a few rows has shown of batches. */
export type Batchability =
  /** Every row of a batch gives what it gives alone. */
  | { readonly kind: 'proven'; readonly notes: readonly string[] }
  /** A run takes so many rows, no more and no fewer. */
  | { readonly kind: 'fixed'; readonly rows: number; readonly notes: readonly string[] }
  /** Rows run one at a time, for the reasons given. */
  | { readonly kind: 'single'; readonly notes: readonly string[] }
  /** The model was not run: not asked for, or it cannot be, for the reason given. */
  | { readonly kind: 'not-run'; readonly reason: string };

export interface ModelReport extends FileReport {
  readonly batchability: Batchability;
}

export interface InspectOptions {
  /** Dimensions of inputs that the model leaves open, batch position included. */
  readonly shapes?: Shapes;
  /** Whether to run it; default true. */
  readonly run?: boolean;
}

/**
 * Looks at an ONNX file: what it says of itself, and, unless told otherwise, what ONNX Runtime does
 * with a few rows of it. A file that the runtime rejects is reported with the reason.
 *
 * @throws DnnScalerError `not-found` without a file; `invalid-argument` for one that is no model, or
 *   for shapes that it contradicts
 */
export async function inspectModel(
  path: string,
  { shapes = {}, run = true }: InspectOptions = {},
): Promise<ModelReport> {
  const report = await inspectFile(path, shapes);
  const batchability: Batchability = run
    ? await tryBatches(path, shapes)
    : { kind: 'not-run', reason: 'it was not asked for' };
  return { ...report, batchability };
}

async function tryBatches(path: string, shapes: Shapes): Promise<Batchability> {
  try {
    const engine = await openOnnxEngine({ modelPath: path, shapes, maxInstances: 1 });
    const { maxBatchSize, minBatchSize, notes } = engine.limits;
    await engine.close();
    // Fewer instances than the machine could hold are our choice, and no property of the model.
    if (maxBatchSize > 1 && minBatchSize === 1) return { kind: 'proven', notes };
    if (minBatchSize > 1) return { kind: 'fixed', rows: minBatchSize, notes };
    return { kind: 'single', notes };
  } catch (thrown) {
    if (thrown instanceof DnnScalerError) return { kind: 'not-run', reason: thrown.message };
    throw thrown;
  }
}
