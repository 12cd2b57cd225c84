import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inspectModel } from './inspect-model.ts';
import type { ModelReport } from './inspect-model.ts';
import type { Shapes } from './inspect-file.ts';
import { floats, ints, smallModel } from './testing/small-models.ts';
import type { SmallModel } from './testing/small-models.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dnnscaler-inspect-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function inspect(model: SmallModel, shapes: Shapes = {}): Promise<ModelReport> {
  const path = join(folder, 'model.onnx');
  await writeFile(path, smallModel(model));
  return inspectModel(path, { shapes });
}

const dense = (batch: number | string): SmallModel => ({
  inputs: { x: [batch, 3] },
  outputs: { y: [batch, 4] },
  constants: { w: floats(3, 4) },
  nodes: [['MatMul', ['x', 'w'], ['y']]],
});

test('what a file says of itself', async () => {
  const report = await inspect(dense('N'));
  expect(report).toMatchObject({
    irVersion: 8,
    producer: 'by hand',
    opsets: [
      { domain: 'ai.onnx', version: 17 },
      { domain: 'com.microsoft', version: 1 },
    ],
    inputs: [{ name: 'x', datatype: 'FP32', dims: ['N', 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', dims: ['N', 4] }],
    nodes: 1,
    operators: { MatMul: 1 },
    parameters: 12,
    multiplyAdds: 12,
    externalData: [],
    declaredBatch: { kind: 'symbolic', name: 'N' },
    openDimensions: [],
    batchability: { kind: 'proven' },
  });
});

test('a batch that is fixed, at one and at several', async () => {
  expect(await inspect(dense(1))).toMatchObject({
    declaredBatch: { kind: 'fixed', size: 1 },
    batchability: { kind: 'single' },
  });
  expect(await inspect(dense(4))).toMatchObject({
    declaredBatch: { kind: 'fixed', size: 4 },
    batchability: { kind: 'fixed', rows: 4 },
  });
});

test('a batch that is declared open and written out in a node all the same', async () => {
  const report = await inspect({
    inputs: { x: ['N', 2, 3] },
    outputs: { y: ['N', 6] },
    constants: { target: ints(1, 6) },
    nodes: [['Reshape', ['x', 'target'], ['y']]],
  });
  expect(report.declaredBatch.kind).toBe('symbolic');
  expect(report.batchability).toMatchObject({ kind: 'single' });
});

test('sizes that a run has to be told, and what it says once it is', async () => {
  const tokens: SmallModel = {
    inputs: { a: ['N', 'steps', 2], b: ['N', 'steps', 2] },
    outputs: { y: ['N', 'steps', 2] },
    nodes: [['Add', ['a', 'b'], ['y']]],
  };
  const open = await inspect(tokens);
  expect(open.openDimensions).toEqual([
    { input: 'a', dims: ['steps'] },
    { input: 'b', dims: ['steps'] },
  ]);
  expect(open.batchability).toMatchObject({ kind: 'not-run' });
  const given = await inspect(tokens, { a: [1, 5, 2] });
  expect(given.openDimensions).toEqual([]);
  expect(given.batchability).toMatchObject({ kind: 'proven' });
});

test('a file that the runtime rejects is read all the same, with the reason', async () => {
  const report = await inspect({
    inputs: { x: [1, 3] },
    outputs: { y: [1, 3] },
    nodes: [['Frobnicate', ['x'], ['y']]],
  });
  expect(report.operators).toEqual({ Frobnicate: 1 });
  expect(report.batchability).toMatchObject({ kind: 'not-run' });
  expect(JSON.stringify(report.batchability)).toMatch(/Frobnicate/);
});

test('weights outside of the file, and those that are missing', async () => {
  const { raw_data: raw = new Uint8Array(), ...head } = floats(3, 4);
  const outside = {
    ...head,
    data_location: 1,
    external_data: [
      { key: 'location', value: 'weights.bin' },
      { key: 'length', value: String(raw.length) },
    ],
  };
  const model = { ...dense('N'), constants: { w: outside } };
  const missing = await inspect(model);
  expect(missing.externalData).toEqual([{ location: 'weights.bin', bytes: null }]);
  expect(missing.multiplyAdds).toBe(12);
  expect(missing.batchability.kind).toBe('not-run');
  await writeFile(join(folder, 'weights.bin'), raw);
  expect(await inspect(model)).toMatchObject({
    externalData: [{ location: 'weights.bin', bytes: 48 }],
    batchability: { kind: 'proven' },
  });
});

test('what is no model is refused', async () => {
  const path = join(folder, 'garbage.onnx');
  for (const content of ['', 'garbage', Buffer.alloc(64), Buffer.alloc(64, 255)]) {
    await writeFile(path, content);
    await expect(inspectModel(path)).rejects.toThrow(/must be a whole ONNX model/);
  }
  await expect(inspectModel(folder)).rejects.toThrow(/must be a file/);
  await expect(inspectModel(join(folder, 'none.onnx'))).rejects.toThrow(/no model file/);
});
