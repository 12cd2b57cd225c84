import { randomRow } from '../../datasets/random-row.ts';
import { openOnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import type { OnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import { DnnScalerError } from '../../errors.ts';
import { Random } from '../../random.ts';
import type { TensorData } from '../../tensor/dtype.ts';
import type { Row } from '../../tensor/row.ts';
import { compareRows } from './compare-rows.ts';
import { refuse } from './refusal.ts';

export interface ProofOptions {
  /** Dimensions that the model leaves open, by input name, batch position included. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Greatest difference allowed, relative to the largest value of the output; default 1e-3. */
  readonly tolerance?: number;
  /** For integer inputs, by name: values are drawn from 0 up to this; default 2. */
  readonly integersBelow?: Readonly<Record<string, number>>;
  /** Told of each run; throw from it to stop. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What running both models has shown. */
export interface Proof {
  /** Rows compared, counted once for each batch that they were in. */
  readonly rows: number;
  readonly batchSizes: readonly number[];
  readonly seeds: readonly number[];
  /** Greatest difference found, relative to the largest value of its output. */
  readonly largestError: number;
}

/** Batches that are tried; none is a multiple of all others, and 1 is among them. */
const batchSizes = [1, 2, 3, 7] as const;
const seeds = [1, 2] as const;
const mostRows = Math.max(...batchSizes);

const defaultTolerance = 1e-3;

/** Agreement counts only where rows differ from one another by this many times the error. */
const clearBy = 20;

/** The error of a model whose rows mix, with the output on which it shows, if it shows on one. */
export class RowsMix extends DnnScalerError {}

/**
 * Runs rows of chance through both models, alone through the original and in batches of several
 * sizes through the other, and compares every row of every output.
 *
 * @throws RowsMix when a row in a batch differs from the row alone, or batches fail to run;
 *   DnnScalerError `unsupported` when running cannot tell; others when the original does not run
 */
export async function proveRows(
  originalPath: string,
  candidatePath: string,
  options: ProofOptions = {},
): Promise<Proof> {
  const { shapes = {}, onProgress } = options;
  const common = { shapes, maxInstances: 1, maxBatchSize: mostRows };
  const original = await openOnnxEngine({ ...common, modelPath: originalPath });
  try {
    requireRows(original);
    const candidate = await openCandidate({ ...common, modelPath: candidatePath });
    try {
      const total = seeds.length * (mostRows + batchSizes.length);
      let done = 0;
      const progress = (): void => onProgress?.((done += 1), total);
      const proofs: Proof[] = [];
      for (const seed of seeds) {
        proofs.push(await proveWithSeed(original, candidate, seed, options, progress));
      }
      return {
        rows: proofs.reduce((sum, { rows }) => sum + rows, 0),
        batchSizes,
        seeds,
        largestError: Math.max(...proofs.map(({ largestError }) => largestError)),
      };
    } finally {
      await candidate.close();
    }
  } finally {
    await original.close();
  }
}

/** A batch that is not one from the start cannot be opened. */
function requireRows(original: OnnxEngine): void {
  if (original.signature.inputs.every(({ batched }) => batched)) return;
  throw refuse(original.limits.notes.join('; '));
}

async function openCandidate(options: Parameters<typeof openOnnxEngine>[0]): Promise<OnnxEngine> {
  let candidate: OnnxEngine;
  try {
    candidate = await openOnnxEngine(options);
  } catch (thrown) {
    if (!(thrown instanceof DnnScalerError)) throw thrown;
    throw mix(`with an open batch, ${thrown.message}`);
  }
  if (candidate.limits.maxBatchSize > 1) return candidate;
  const { notes } = candidate.limits;
  await candidate.close();
  throw mix(notes.join('; '));
}

async function proveWithSeed(
  original: OnnxEngine,
  candidate: OnnxEngine,
  seed: number,
  options: ProofOptions,
  progress: () => void,
): Promise<Proof> {
  const random = new Random(seed);
  const rows = Array.from({ length: mostRows }, () =>
    randomRow(original.signature, random, { integersBelow: options.integersBelow ?? {} }),
  );
  const alone: Row[] = [];
  for (const row of rows) {
    alone.push(...(await runRows(original, [row])));
    progress();
  }
  await applyBatch(candidate, mostRows);
  let compared = 0;
  let largestError = 0;
  let clear = false;
  for (const size of batchSizes) {
    // Other rows at other places each time.
    const order = rows.map((_, i) => (i * 3 + size) % rows.length).slice(0, size);
    const batch = await runRows(
      candidate,
      order.map((i) => rows[i] as Row),
    ).catch((thrown: unknown) => {
      throw mix(`a batch of ${size} rows fails: ${(thrown as Error).message}`);
    });
    progress();
    for (const [output, { name, datatype }] of candidate.signature.outputs.entries()) {
      const dataOf = (row: Row | undefined): TensorData => row?.[output]?.data ?? [];
      const { error, spread } = compareRows({
        datatype,
        alone: [...order.map((i) => alone[i]), ...alone].map(dataOf),
        inBatch: [...batch, ...alone].map(dataOf),
      });
      if (error > (options.tolerance ?? defaultTolerance)) {
        throw mix(
          `in a batch of ${size} rows, output ${name} differs by ${percent(error)} from what a row gives alone`,
        );
      }
      largestError = Math.max(largestError, error);
      clear ||= spread > 0 && spread >= clearBy * error;
    }
    compared += size;
  }
  if (!clear) {
    const message =
      'different rows give outputs that hardly differ, so running the model cannot show that rows stay apart';
    throw refuse(message);
  }
  return { rows: compared, batchSizes, seeds, largestError };
}

function percent(share: number): string {
  return Number.isFinite(share)
    ? `${Number((share * 100).toPrecision(2))}%`
    : 'more than can be said';
}

function mix(message: string): RowsMix {
  return new RowsMix('unsupported', message);
}

function applyBatch(engine: OnnxEngine, batchSize: number): Promise<void> {
  return new Promise((resolve, reject) => {
    engine.apply({ batchSize, instances: 1 }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** One run; the replies, row by row. */
function runRows(engine: OnnxEngine, rows: readonly Row[]): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    engine.run(rows, (outcome) => {
      if (outcome.kind !== 'done') reject(outcome.error);
      else {
        const { replies } = outcome;
        resolve(rows.map((_, i) => replies.replyAt(i)));
      }
    });
  });
}
