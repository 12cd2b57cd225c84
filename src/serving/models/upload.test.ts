import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeSlo } from '../../slo.ts';
import type { ModelConfigFile } from './model-config.ts';
import { serveUpload } from './upload.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-upload-test-'));
  vi.stubEnv('TMPDIR', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const bytes = Uint8Array.of(1, 2, 3);

function upload(names: readonly string[], config: ModelConfigFile = {}) {
  const files = new Map(names.map((name) => [name, bytes]));
  const defaults = { slo: makeSlo(50), scaler: 'auto', engine: {} };
  return serveUpload(files, { name: 'm', config, labels: [], defaults }, ['1']);
}

describe('uploaded files', () => {
  it('are kept while the model is served, the newest version of them', async () => {
    const { spec, otherVersions, release } = await upload([
      '3/model.onnx',
      '12/model.onnx',
      '12/weights.bin',
    ]);
    expect(spec).toMatchObject({ name: 'm', version: '12' });
    expect(otherVersions).toEqual(['1']);
    const { modelPath } = spec.engine;
    expect(readdirSync(dirname(modelPath)).sort()).toEqual(['model.onnx', 'weights.bin']);
    await release();
    expect(existsSync(modelPath)).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [['1/weights.bin']],
    [['model.onnx']],
    [['0/model.onnx']],
    [['1/../model.onnx']],
    [['1/model.onnx', '1/a/b']],
    [['1/model.onnx', '../2/model.onnx']],
    [['1/model.onnx', '/etc/passwd']],
    [['1/model.onnx', '1/a\\b']],
  ])('named %j are refused, and none is written', async (names) => {
    await expect(upload(names)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leave nothing behind when their configuration is no good', async () => {
    await expect(upload(['1/model.onnx'], { slo: 'fast' })).rejects.toThrow('fast');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that cannot be kept say so', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'away'));
    await expect(upload(['1/model.onnx'])).rejects.toMatchObject({ code: 'resource-exhausted' });
  });
});
