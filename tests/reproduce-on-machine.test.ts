/** `dnnscaler reproduce --engine onnx`: the built command on the real engine. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { samplePhotos } from '../examples/photos.ts';
import { cli } from './built-cli.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-reproduce-'));
  mkdirSync(join(folder, 'photos'));
  for (const [i, photo] of samplePhotos().slice(0, 2).entries()) {
    copyFileSync(photo, join(folder, 'photos', `${i}.jpg`));
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Job 5 is the smallest network, MobileNet V1 0.25. */
function reproduce(...more: string[]) {
  const options = ['--jobs', '5', '--scalers', 'fixed:1,1;fixed:2,1', '--slo-scale', '100x'];
  const input = ['--input', join(folder, 'photos'), '--out', join(folder, 'out')];
  const ran = spawnSync(
    process.execPath,
    [cli, 'reproduce', '--engine', 'onnx', ...options, ...input, '--quiet', '--json', ...more],
    { encoding: 'utf8' },
  );
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

it('runs a job on real images, reports it, and does not run it again', () => {
  const first = reproduce('--duration', '1500ms', '--preprocessing', 'pipelined');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const figures = { throughputPerS: expect.any(Number) as number, verdict: 'held' };
  expect(JSON.parse(first.stdout)).toMatchObject({
    simulated: false,
    pipelined: {
      jobs: [{ job: 5, network: 'mobilenet_v1_025', 'fixed:1,1': figures, 'fixed:2,1': figures }],
    },
  });
  for (const name of ['results.json', 'results.csv', 'report.html', 'runs.json']) {
    expect(existsSync(join(folder, 'out', name)), name).toBe(true);
  }
  const again = reproduce('--duration', '1500ms', '--preprocessing', 'pipelined');
  expect(again.stdout).toBe(first.stdout);
});

it('refuses a folder without images', () => {
  mkdirSync(join(folder, 'empty'));
  const ran = reproduce('--input', join(folder, 'empty'), '--out', join(folder, 'other'));
  expect(ran.code).toBe(2);
  expect(ran.stderr).toMatch(/empty/);
});
