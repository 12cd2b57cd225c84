import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { modelCodec } from '../../zoo/onnx/proto.ts';
import { decodeModel } from '../../zoo/onnx/read.ts';
import { encodeField, encodeText } from '../file/wire.ts';
import { filled, floats, ints, smallModel } from '../testing/small-models.ts';
import type { SmallModel } from '../testing/small-models.ts';
import { makeBatchable } from './make-batchable.ts';

let folder: string;
let path: string;
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dnnscaler-batchable-'));
  path = join(folder, 'model.onnx');
  out = join(folder, 'out', 'batched.onnx');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const dense: SmallModel = {
  inputs: { x: [1, 2, 3] },
  outputs: { y: [1, 4] },
  constants: { target: ints(1, 6), w: floats(6, 4) },
  nodes: [
    ['Reshape', ['x', 'target'], ['flat']],
    ['MatMul', ['flat', 'w'], ['y']],
  ],
};

/** Rows change places between a computed shape and a transposed batch: nothing in the file says so. */
const mixing: SmallModel = {
  inputs: { x: [1, 3, 4] },
  outputs: { y: [1, 3, 4] },
  nodes: [
    ['Relu', ['x'], ['relu']],
    ['Transpose', ['relu'], ['turned'], { perm: [1, 0, 2] }],
    ['Shape', ['relu'], ['sizes']],
    ['Reshape', ['turned', 'sizes'], ['mixed']],
    ['Tanh', ['mixed'], ['y']],
  ],
};

async function filesIn(where: string): Promise<string[]> {
  return (await readdir(where, { recursive: true })).sort();
}

describe('a model that is made batchable', () => {
  test('is written once it is proven, and says how', async () => {
    await writeFile(path, smallModel(dense));
    const runs: string[] = [];
    const made = await makeBatchable(path, out, {
      onProgress: (done, total) => runs.push(`${done}/${total}`),
    });
    expect(made).toMatchObject({
      batchSize: 1,
      batchName: 'batch',
      changes: ['Reshape FLAT: [1, 6] -> [-1, 6]'],
      assumed: [],
      proof: { batchSizes: [1, 2, 3, 7], seeds: [1, 2], rows: 26 },
    });
    expect(made.proof.largestError).toBeLessThan(1e-5);
    expect(runs.at(-1)).toBe('22/22');
    const { graph } = decodeModel(await readFile(out), out);
    expect(graph.input[0]?.type?.tensor_type?.shape?.dim[0]).toEqual({ dim_param: 'batch' });
    expect(graph.output[0]?.type?.tensor_type?.shape?.dim[0]).toEqual({ dim_param: 'batch' });
    expect(await filesIn(folder)).toEqual(['model.onnx', 'out', 'out/batched.onnx']);
  });

  test('keeps all that is unknown, byte by byte', async () => {
    const strange = Buffer.concat([
      encodeText(99, 'a field of the future'),
      smallModel(dense),
      encodeField(14, Buffer.concat([encodeText(1, 'author'), encodeText(2, 'someone')])),
    ]);
    await writeFile(path, strange);
    await makeBatchable(path, out);
    const made = await readFile(out);
    expect(made.includes(Buffer.from(encodeText(99, 'a field of the future')))).toBe(true);
    expect(modelCodec.decode(made).metadata_props).toEqual([{ key: 'author', value: 'someone' }]);
    // The weights lie there as they were.
    const weights = floats(6, 4).raw_data as Uint8Array;
    expect(made.includes(Buffer.from(weights))).toBe(true);
  });

  test('of a batch that was open comes out as it was', async () => {
    await writeFile(path, smallModel({ ...dense, inputs: { x: ['N', 2, 3] }, outputs: { y: ['N', 4] }, constants: { target: ints(-1, 6), w: floats(6, 4) } })); // prettier-ignore
    const made = await makeBatchable(path, out);
    expect(made).toMatchObject({ batchSize: undefined, batchName: 'N', changes: [] });
    expect(await readFile(out)).toEqual(await readFile(path));
  });

  test('finds its weights where the old one does', async () => {
    const weights = floats(6, 4);
    const entry = (key: string, value: string): { key: string; value: string } => ({ key, value });
    const { raw_data: raw = new Uint8Array(), ...head } = weights;
    const outside = {
      ...head,
      data_location: 1,
      external_data: [entry('location', 'weights.bin'), entry('length', String(raw.length))],
    };
    await writeFile(path, smallModel({ ...dense, constants: { target: ints(1, 6), w: outside } }));
    await writeFile(join(folder, 'weights.bin'), raw);
    const made = await makeBatchable(path, out);
    expect(made.copied).toEqual(['weights.bin']);
    expect(await readFile(join(folder, 'out', 'weights.bin'))).toEqual(Buffer.from(raw));
    // Beside the old one there is nothing to copy.
    const beside = await makeBatchable(path, join(folder, 'beside.onnx'));
    expect(beside.copied).toEqual([]);
    await writeFile(join(folder, 'out', 'weights.bin'), 'of something else');
    await expect(makeBatchable(path, join(folder, 'out', 'again.onnx'))).rejects.toThrow(
      /must not replace one of other content/,
    );
    await expect(makeBatchable(path, join(folder, 'weights.bin'), { force: true })).rejects.toThrow(
      /must not be the model or its weights/,
    );
  });
});

describe('a model is refused, and nothing is written,', () => {
  test('when running shows that rows mix, with the node where they first meet', async () => {
    await writeFile(path, smallModel(mixing));
    await expect(makeBatchable(path, out)).rejects.toThrow(
      /output y; rows first meet in the Reshape MIXED$/,
    );
    expect(await filesIn(folder)).toEqual(['model.onnx', 'out']);
  });

  test('when outputs do not differ, so that running shows nothing', async () => {
    await writeFile(
      path,
      smallModel({
        inputs: { x: [1, 4] },
        outputs: { y: [1, 4] },
        constants: { zero: filled(0, 4) },
        nodes: [['Mul', ['x', 'zero'], ['y']]],
      }),
    );
    await expect(makeBatchable(path, out)).rejects.toThrow(/cannot show that rows stay apart/);
  });

  test('when it draws random numbers', async () => {
    await writeFile(
      path,
      smallModel({
        inputs: { x: [1, 4] },
        outputs: { y: [1, 4] },
        nodes: [
          ['RandomNormalLike', ['x'], ['noise']],
          ['Add', ['x', 'noise'], ['y']],
        ],
      }),
    );
    await expect(makeBatchable(path, out)).rejects.toThrow(/differs by|hardly differ/);
  });

  test('when it does not run as it is', async () => {
    await writeFile(path, smallModel({ ...dense, nodes: [['Frobnicate', ['x'], ['y']]] }));
    await expect(makeBatchable(path, out)).rejects.toThrow(/cannot be loaded.*Frobnicate/);
    await writeFile(path, 'no model');
    await expect(makeBatchable(path, out)).rejects.toThrow(/must be a whole ONNX model/);
    await expect(makeBatchable(join(folder, 'none.onnx'), out)).rejects.toThrow(/no model file/);
  });

  test('when it would write over something', async () => {
    await writeFile(path, smallModel(dense));
    const before = await readFile(path);
    await expect(makeBatchable(path, path, { force: true })).rejects.toThrow(
      /must not be the model/,
    );
    const alias = join(folder, 'alias.onnx');
    await symlink(path, alias);
    await expect(makeBatchable(path, alias, { force: true })).rejects.toThrow(
      /must not be the model/,
    );
    const other = join(folder, 'other.onnx');
    await writeFile(other, 'precious');
    await expect(makeBatchable(path, other)).rejects.toThrow(/unless --force/);
    await mkdir(join(folder, 'sub'));
    await expect(makeBatchable(path, join(folder, 'sub'))).rejects.toThrow(/must be no folder/);
    await expect(makeBatchable(path, join(other, 'x.onnx'))).rejects.toThrow(/cannot write/);
    expect(await readFile(path)).toEqual(before);
    expect(await readFile(other, 'utf8')).toBe('precious');
  });

  test('when it is interrupted', async () => {
    await writeFile(path, smallModel(dense));
    const stop = (): never => {
      throw new Error('stop');
    };
    await expect(makeBatchable(path, out, { onProgress: stop })).rejects.toThrow('stop');
    expect(await filesIn(join(folder, 'out'))).toEqual([]);
  });
});
