import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ownMps } from './mps.ts';

/** A stand-in for NVIDIA's program, which writes down what is asked of it. */
const program = (exitCode: number): string => `#!/bin/sh
if [ "$1" = -d ]; then
  echo "start $CUDA_MPS_PIPE_DIRECTORY $CUDA_DEVICE_ORDER [$CUDA_VISIBLE_DEVICES]" >> "$MPS_TEST_LOG"
  sleep "$MPS_TEST_DELAY"
  [ ${exitCode} = 0 ] || echo 'no GPU' >&2
  exit ${exitCode}
fi
echo "said $(cat)" >> "$MPS_TEST_LOG"
`;

const module = path.join(import.meta.dirname, '../../../../dist/engines/onnx/accelerator/mps.js');
const importing = `import(${JSON.stringify(module)})`;

describe.skipIf(process.platform === 'win32')('a daemon of our own', () => {
  let folder = '';
  let log = '';
  const before = { ...process.env };
  const said = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []);

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'mps-test-'));
    log = path.join(folder, 'log');
    process.env.PATH = `${folder}:${before.PATH ?? ''}`;
    process.env.MPS_TEST_LOG = log;
    process.env.MPS_TEST_DELAY = '0';
    process.env.CUDA_VISIBLE_DEVICES = '1';
    install(0);
  });

  afterEach(() => {
    process.env.PATH = before.PATH;
    delete process.env.MPS_TEST_LOG;
    delete process.env.MPS_TEST_DELAY;
    delete process.env.CUDA_VISIBLE_DEVICES;
    rmSync(folder, { recursive: true });
  });

  function install(exitCode: number): void {
    const file = path.join(folder, 'nvidia-cuda-mps-control');
    writeFileSync(file, program(exitCode));
    chmodSync(file, 0o755);
  }

  it('is one for all engines of a process; why there is none is told, and the next one tries again', async () => {
    install(3);
    await expect(ownMps()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'nvidia-cuda-mps-control ended with code 1, saying "no GPU"',
    });
    install(0);
    const [one, other] = await Promise.all([ownMps(), ownMps()]);
    expect(existsSync(one.CUDA_MPS_PIPE_DIRECTORY ?? '')).toBe(true);
    expect(other).toEqual(one);
    const starts = said().filter((line) => line.startsWith('start'));
    expect(starts).toHaveLength(2);
    // It numbers the GPUs as this process does, which sees only the second.
    expect(starts[1]).toMatch(/ PCI_BUS_ID \[\]$/);
  });

  it('ends with a process that is killed', async () => {
    const code = `${importing}.then(async ({ ownMps }) => {
      console.log((await ownMps()).CUDA_MPS_PIPE_DIRECTORY);
      setInterval(() => undefined, 1000);
    })`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pipes = await new Promise<string>((resolve) => {
      child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    });
    expect(existsSync(pipes)).toBe(true);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(existsSync(pipes)).toBe(false), 5000);
    expect(said()).toContain('said quit -t 3');
  });

  it('ends with a process that is killed while it starts', async () => {
    process.env.MPS_TEST_DELAY = '0.5';
    const child = spawn(process.execPath, ['-e', `${importing}.then(({ ownMps }) => ownMps())`]);
    await vi.waitFor(() => expect(said()[0]).toMatch(/^start/), 5000);
    const pipes = said()[0]?.split(' ')[1] ?? '';
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(existsSync(pipes)).toBe(false), 5000);
    expect(said()).toContain('said quit -t 3');
  });

  it('is no reason for a process to stay', async () => {
    const code = `${importing}.then(({ ownMps }) => ownMps())`;
    const child = spawn(process.execPath, ['-e', code], { stdio: 'inherit' });
    const code0 = await new Promise((resolve) => child.on('exit', resolve));
    expect(code0).toBe(0);
    await vi.waitFor(() => expect(said()).toContain('said quit -t 3'), 5000);
  });
});
