import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { FixtureFolder } from './testing/fixtures.ts';
import { floats } from './testing/driver.ts';
import { tryProvider } from './provider-trial.ts';
import type { ProviderTrial } from './provider-trial.ts';

const folder = new FixtureFolder();
afterAll(() => folder.remove());
const modelPath = folder.model('double', {
  inputs: [{ name: 'x', type: 'FP32', dims: ['N', 2] }],
  outputs: [{ name: 'y', type: 'FP32', dims: ['N', 2] }],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});
const row = [floats([1, 2])];
const trial = (options: Partial<Parameters<typeof tryProvider>[0]> = {}): Promise<ProviderTrial> =>
  tryProvider({ provider: 'cpu', modelPath, row, limitMs: 60_000, ...options });

describe('tryProvider', () => {
  const { execPath } = process;
  afterEach(() => {
    process.execPath = execPath;
  });

  it('runs the model', async () => {
    expect(await trial()).toMatchObject({ works: true, reply: [floats([2, 4])] });
    expect(await trial({ expected: [floats([2, 4])] })).toMatchObject({ works: true });
  });

  it('takes other results than those expected for a failure', async () => {
    const outcome = await trial({ expected: [floats([2, 5])] });
    expect(outcome).toMatchObject({
      works: false,
      error: { message: 'provider cpu runs, and its results are not those of the CPU' },
    });
  });

  it('tells of what cannot be loaded', async () => {
    const outcome = await trial({ modelPath: join(folder.path, 'none.onnx') });
    expect(outcome).toMatchObject({ works: false, error: { code: 'not-found' } });
  });

  it.skipIf(process.platform === 'win32')('outlives a process that dies or hangs', async () => {
    process.execPath = '/bin/false';
    expect(await trial()).toMatchObject({
      works: false,
      error: { message: expect.stringContaining('its process ended with code 1') as unknown },
    });
    process.execPath = '/usr/bin/yes';
    expect(await trial({ limitMs: 200 })).toMatchObject({
      works: false,
      error: { code: 'deadline-exceeded' },
    });
  });
});
