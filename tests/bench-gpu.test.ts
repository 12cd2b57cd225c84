/** The benchmark of a device, end to end on the CPU, with hardly any time. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchResults } from '../src/experiments/device-bench/results.ts';
import { parseSurfaces } from '../src/simulator/surface-csv.ts';

const root = path.join(import.meta.dirname, '..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dnnscaler-bench-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function bench(args: readonly string[], interruptAt?: string) {
  const child = spawn(process.execPath, [path.join(root, 'bench/gpu.mjs'), ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (interruptAt !== undefined && stderr.includes(interruptAt)) {
      child.kill('SIGINT');
      interruptAt = undefined;
    }
  });
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

function resultsIn(out: string): { results: BenchResults; at: string } {
  const [name = ''] = readdirSync(out);
  const at = path.join(out, name);
  const text = readFileSync(path.join(at, 'results.json'), 'utf8');
  return { results: JSON.parse(text) as BenchResults, at };
}

describe('bench/gpu.mjs', () => {
  it('measures on the CPU, skips what it cannot with a reason, and writes what the simulator loads', async () => {
    const python = path.join(folder, 'python');
    const lines = [{ runtime: 'Test 1.0' }, { batchSize: 1, throughputPerS: 100, p95Ms: 10 }];
    const echoes = lines.map((line) => `echo '${JSON.stringify(line)}'`);
    writeFileSync(python, ['#!/bin/sh', ...echoes, ''].join('\n'));
    chmodSync(python, 0o755);
    const out = path.join(folder, 'whole');
    const networks = 'dan_sst,no_such_network';
    const { code, stdout, stderr } = await bench([
      ...['--provider', 'cpu', '--budget', '12', '--networks', networks],
      ...['--python', python, '--out', out],
    ]);
    expect(stderr).not.toMatch(/error/);
    expect(code).toBe(0);
    expect(stdout).toContain('no_such_network was not measured: the zoo has no network');
    // On a machine with no time to spare there is none for the yardstick.
    const yardstick = /dan_sst: yardstick Test 1\.0[^]*|no time was left/;
    expect(stdout).toMatch(yardstick);
    const { results, at } = resultsIn(out);
    expect(path.basename(at)).toMatch(/-cpu-\d{4}-\d\d-\d\d$/);
    expect(results.machine.cpu).not.toBe('');
    expect(results).toMatchObject({ provider: 'cpu', complete: true, machine: { gpu: null } });
    const csv = readFileSync(path.join(at, 'surface.csv'), 'utf8');
    const surface = parseSurfaces(csv, 'surface.csv').get('dan_sst');
    const report = results.networks.find(({ network }) => network === 'dan_sst');
    expect(surface?.points.length).toBe(report?.points.length);
    expect(readFileSync(path.join(at, 'table.txt'), 'utf8').trim()).toBe(
      stdout.split('\n\nwritten to')[0]?.trim(),
    );
  });

  it('writes what it has when it is interrupted', async () => {
    const out = path.join(folder, 'half');
    const args = ['--provider', 'cpu', '--budget', '400', '--networks', 'dan_sst,mobilenet_v1_025'];
    const { code, stdout, stderr } = await bench(
      [...args, '--out', out, '--python', 'none'],
      'batch 32',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('ENDED EARLY');
    expect(stderr).not.toContain('mobilenet_v1_025');
    const { results } = resultsIn(out);
    expect(results.complete).toBe(false);
    expect(results.networks[0]?.points.length).toBeGreaterThanOrEqual(1);
  });

  it.each([
    [['--provider', 'tpu'], 2, /--provider must be one of .*received tpu/],
    [['--budget', 'long'], 2, /--budget must be an integer of at least 5/],
    [['--no-such'], 2, /no-such/],
    // Where there is no GPU, one sentence, and what to do instead.
    [
      ['--provider', 'tensorrt', '--networks', 'dan_sst'],
      1,
      /^error: .*tensorrt.*"--provider cpu" runs the benchmark on the CPU$/m,
    ],
  ])('refuses %j', async (args, status, message) => {
    const { code, stdout, stderr } = await bench([...args, '--out', path.join(folder, 'none')]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(status);
  });
});
