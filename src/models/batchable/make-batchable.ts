import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toDnnScalerError } from '../../errors.ts';
import { externalDataLocations } from '../../zoo/onnx/external-data.ts';
import { writeModelFile } from '../../zoo/model-file.ts';
import type { EncodedModel } from '../../zoo/onnx/write.ts';
import { readModelFile } from '../file/model-file.ts';
import { locateMix } from './locate-mix.ts';
import { RowsMix, proveRows } from './prove.ts';
import type { Proof, ProofOptions } from './prove.ts';
import { refuse } from './refusal.ts';
import { openBatch } from './rewrite.ts';
import type { Rewritten } from './rewrite.ts';
import { copyWeights, requireFreeTarget } from './target.ts';

export interface MakeBatchableOptions extends ProofOptions {
  /** Whether to write over a file that is there already; default false. */
  readonly force?: boolean;
}

/** A model that was made batchable, and how that is known. */
export interface MadeBatchable extends Omit<Rewritten, 'pieces' | 'batchedValues'> {
  readonly file: string;
  readonly out: string;
  readonly proof: Proof;
  /** Files with weights that were copied beside the new model. */
  readonly copied: readonly string[];
}

/**
 * Writes a model with an open batch dimension, after showing by running both that every row of a
 * batch gives what it gives alone. The file appears whole, or not at all when the model is refused.
 *
 * @throws DnnScalerError `unsupported` when rows cannot share a batch, with the node that is why;
 *   `invalid-argument` for a path that cannot be written or would overwrite something
 */
export async function makeBatchable(
  path: string,
  out: string,
  options: MakeBatchableOptions = {},
): Promise<MadeBatchable> {
  const file = await readModelFile(path);
  const weights = externalDataLocations(file.bytes);
  await requireFreeTarget(path, out, weights, options.force === true);
  const { pieces, batchedValues, ...rewritten } = openBatch(file);
  const unproven = `${out}.${randomUUID()}.unproven`;
  const copied = await copyWeights(path, out, weights);
  try {
    await writeModelFile(fileOf(pieces), unproven);
    const proof = await proveRows(path, unproven, options).catch(async (thrown: unknown) => {
      if (!(thrown instanceof RowsMix)) throw thrown;
      const candidate = { path: unproven, bytes: Buffer.concat(pieces) };
      const where = await locateMix(file, candidate, batchedValues, options);
      throw refuse(where === undefined ? thrown.message : `${thrown.message}; ${where}`);
    });
    await rename(unproven, out);
    return { file: path, out, ...rewritten, proof, copied };
  } catch (thrown) {
    for (const each of copied) await rm(join(dirname(out), each), { force: true });
    throw toDnnScalerError(thrown);
  } finally {
    await rm(unproven, { force: true });
  }
}

function fileOf(pieces: readonly Uint8Array[]): EncodedModel {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return {
    bytes,
    structure: [],
    *chunks() {
      yield* pieces;
    },
  };
}
