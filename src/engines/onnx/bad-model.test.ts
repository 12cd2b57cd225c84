import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openOnnxEngine } from './onnx-engine.ts';
import type { OnnxEngineOptions } from './options.ts';
import { floats, int64, pretrained, repliesOf, runOn, using } from './testing/driver.ts';
import { FixtureFolder } from './testing/fixtures.ts';

const folder = new FixtureFolder();
afterAll(() => folder.remove());

describe('bad input', () => {
  const opening = (options: OnnxEngineOptions): Promise<never> =>
    openOnnxEngine(options).then(async (engine) => {
      await engine.close();
      throw new Error('it opened');
    });

  it('asks for open dimensions with an example', async () => {
    const modelPath = join(pretrained, 'ch_PP-OCRv4_rec_infer.onnx');
    await expect(opening({ modelPath })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/input x .* open: .*--shape x=1,3,48,224/) as unknown,
    });
  });

  it('names shapes that the model refuses', async () => {
    const modelPath = join(pretrained, 'ch_PP-OCRv4_det_infer.onnx');
    await expect(opening({ modelPath, shapes: { x: [1, 3, 100, 100] } })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('x [3, 100, 100]') as unknown,
    });
  });

  it.each([
    ['a missing file', () => join(folder.path, 'none.onnx'), 'not-found', 'no model file'],
    ['a folder', () => folder.path, 'invalid-argument', 'must be a file'],
    [
      'a text',
      () => folder.file('text.onnx', 'hello world'),
      'invalid-argument',
      'cannot be loaded',
    ],
    ['an empty file', () => folder.file('empty.onnx', ''), 'invalid-argument', 'have a graph'],
    [
      'an unknown operator',
      () =>
        folder.model('frobnicate', {
          inputs: [{ name: 'x', type: 'FP32', dims: ['N'] }],
          outputs: [{ name: 'y', type: 'FP32', dims: ['N'] }],
          nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }],
        }),
      'unsupported',
      'Frobnicate',
    ],
    [
      'an element type that Node.js cannot hold',
      () =>
        folder.model('bfloat', {
          inputs: [{ name: 'x', type: 'BF16', dims: ['N'] }],
          outputs: [{ name: 'y', type: 'BF16', dims: ['N'] }],
          nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        }),
      'unsupported',
      'data type',
    ],
  ] as const)('refuses %s with one clear sentence', async (_, path, code, text) => {
    await expect(opening({ modelPath: path() })).rejects.toMatchObject({
      name: 'DnnScalerError',
      code,
      message: expect.stringMatching(new RegExp(`^[^\n]*${text}[^\n]*$`)) as unknown,
    });
  });

  it('tells a process instance that cannot load the model from one that died', async () => {
    const modelPath = folder.file('text.onnx', 'hello world');
    await expect(opening({ modelPath, isolation: 'process' })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });

  it('refuses a provider of another platform before looking at the model', async () => {
    const provider = process.platform === 'win32' ? 'coreml' : 'dml';
    await expect(opening({ modelPath: 'none.onnx', provider })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(`provider ${provider} is not in this build`) as unknown,
    });
  });

  it('fails only the batch that the model rejects', async () => {
    const modelPath = folder.model('table', {
      inputs: [{ name: 'id', type: 'INT64', dims: ['N'] }],
      outputs: [{ name: 'y', type: 'FP32', dims: ['N'] }],
      constants: [{ name: 'table', type: 'FP32', dims: [3], data: Float32Array.of(10, 20, 30) }],
      nodes: [{ op: 'Gather', inputs: ['table', 'id'], outputs: ['y'] }],
    });
    await using({ modelPath, sampleRow: [int64(2)] }, async (engine) => {
      const [before] = engine.instances;
      const outcome = await runOn(engine, [[int64(1)], [int64(77)]]);
      expect(outcome.kind).toBe('failed');
      if (outcome.kind !== 'done') {
        expect(outcome.error.code).toBe('invalid-argument');
        expect(outcome.error.message).toMatch(/^the model failed: [^\n]*out of data bounds/);
      }
      expect(await repliesOf(engine, [[int64(2)]])).toEqual([[floats([30], [])]]);
      expect(engine.instances).toEqual([before]);
    });
  });
});
