import { rm, writeFile } from 'node:fs/promises';
import { randomRow } from '../../datasets/random-row.ts';
import { packBatch, unpack } from '../../engines/onnx/batch.ts';
import { layoutInputs } from '../../engines/onnx/model-layout.ts';
import type { PackedBatch, PackedTensor } from '../../engines/onnx/protocol.ts';
import { Runner } from '../../engines/onnx/runner.ts';
import { datatypeOfRuntime } from '../../engines/onnx/runtime-types.ts';
import { Random } from '../../random.ts';
import type { Datatype, TensorData } from '../../tensor/dtype.ts';
import type { Row } from '../../tensor/row.ts';
import { GraphEdits } from '../file/graph-edits.ts';
import { nameOf } from '../file/model-file.ts';
import type { ModelFile } from '../file/model-file.ts';
import { encodeText } from '../file/wire.ts';
import { compareRows } from './compare-rows.ts';
import type { ProofOptions } from './prove.ts';

type FileBytes = Pick<ModelFile, 'bytes' | 'path'>;

/** ValueInfoProto.name. */
const nameField = 1;

/** Where rounding ends and mixing begins, in the middle of a model. */
const tolerance = 0.01;

/**
 * Finds the first node, in the order in which nodes run, whose result for a row of a batch is not
 * the row's own: runs both models with the values in between among their outputs.
 *
 * @param values names of values whose first dimension is the batch, in the order of the nodes
 * @returns a sentence that names the node; undefined when it cannot be told
 */
export async function locateMix(
  original: ModelFile,
  candidate: FileBytes,
  values: readonly string[],
  options: ProofOptions,
): Promise<string | undefined> {
  const outputs = new Set(original.model.graph.output.map(({ name }) => name));
  const inside = values.filter((name) => !outputs.has(name));
  // Beside the candidate, where the weights are.
  const paths = ['original', 'candidate'].map((which) => `${candidate.path}.${which}`);
  try {
    await writeWithOutputs(original, inside, paths[0] as string);
    await writeWithOutputs(candidate, inside, paths[1] as string);
    const mixed = await firstMixed(paths[0] as string, paths[1] as string, options);
    const node = original.model.graph.node.find(({ output }) => output.includes(mixed ?? ''));
    if (node === undefined) return undefined;
    return `rows first meet in the ${node.op_type} ${nameOf(node)}`;
  } catch {
    // Where the parts cannot be looked at, what is known of the whole has to do.
    return undefined;
  } finally {
    for (const path of paths) await rm(path, { force: true });
  }
}

async function writeWithOutputs(
  file: FileBytes,
  names: readonly string[],
  path: string,
): Promise<void> {
  const edits = new GraphEdits(file);
  // The runtime infers their types.
  for (const name of names) edits.insertBefore('output', 0, encodeText(nameField, name));
  await writeFile(path, edits.pieces());
}

async function firstMixed(
  originalPath: string,
  candidatePath: string,
  options: ProofOptions,
): Promise<string | undefined> {
  const original = await openSession(originalPath, options);
  const candidate = await openSession(candidatePath, options);
  try {
    const random = new Random(1);
    const rows = [0, 1].map(() => randomRow({ inputs: original.inputs, outputs: [] }, random));
    const alone = [await original.run([rows[0] as Row]), await original.run([rows[1] as Row])];
    const pair = await candidate.run(rows);
    return candidate.outputs.find(({ name, datatype }, index) => {
      const parts = (result: PackedBatch, row: number): TensorData => {
        const tensor = result.tensors[index] as PackedTensor;
        const data = unpack({ datatype }, tensor, result.buffer);
        const length = data.length / Math.max(1, tensor.dims[0] ?? 1);
        return data.slice(row * length, (row + 1) * length);
      };
      const { error } = compareRows({
        datatype,
        alone: alone.map((result) => parts(result, 0)),
        inBatch: [0, 1].map((row) => parts(pair, row)),
      });
      return name !== '' && error > tolerance;
    })?.name;
  } finally {
    await original.release();
    await candidate.release();
  }
}

interface Session {
  readonly inputs: ReturnType<typeof layoutInputs>['inputs'];
  readonly outputs: readonly { readonly name: string; readonly datatype: Datatype }[];
  run(rows: readonly Row[]): Promise<PackedBatch>;
  release(): Promise<void>;
}

async function openSession(path: string, { shapes = {} }: ProofOptions): Promise<Session> {
  const runner = await Runner.load(path, { provider: 'cpu', threads: 1, spinning: true });
  const { inputs, rowsPerRun } = layoutInputs(runner.metadata, shapes);
  return {
    inputs,
    outputs: runner.metadata.outputs.flatMap(({ name, type }) => {
      const datatype = type === undefined ? undefined : datatypeOfRuntime(type);
      return datatype === undefined ? [] : [{ name, datatype }];
    }),
    run: (rows) => {
      const size = rowsPerRun === 'any' ? rows.length : rowsPerRun;
      const { tensors, buffer } = packBatch(inputs, rows, size, (bytes) => new ArrayBuffer(bytes));
      return runner.run(tensors, buffer);
    },
    release: () => runner.release(),
  };
}
