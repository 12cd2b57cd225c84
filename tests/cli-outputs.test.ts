import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FixtureFolder } from '../src/engines/onnx/testing/fixtures.ts';
import { parseSurfaces } from '../src/simulator/surface-csv.ts';
import { run, start } from './built-cli.ts';

const models = new FixtureFolder();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dnnscaler-outputs-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const forever = ['zoo:mobilenet_v1_025', '--slo', '1s', '--duration', '1h'];

describe('long commands', () => {
  it.each([
    ['run', '--csv', 'no/such/folder/series.csv'],
    ['run', '--csv', 'series.csv/'],
    ['run', '--csv', '.'],
    ['compare', '--csv', 'no/such/folder/series.csv'],
    ['compare', '--plot', 'no/such/folder/paths.html'],
  ])('%s refuses %s=%j before it begins', async (command, option, file) => {
    const { code, stdout, stderr } = await run(command, ...forever, option, join(folder, file));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${option} cannot be written`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('run refuses a file without a name', async () => {
    const { code, stderr } = await run('run', ...forever, '--csv', '');
    expect(code).toBe(2);
    expect(stderr).toContain('--csv cannot be written: "" names no file');
  });

  it('compare looks at all scalers before the first one runs', async () => {
    const { code, stderr } = await run('compare', ...forever, '--scalers', 'clipper fixed:1,999');
    expect(code).toBe(2);
    expect(stderr).toMatch(/fixed count of instances must be .*999/);
    const none = await run('compare', ...forever, '--scalers', '');
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('must name at least one');
  });

  it('compare takes the batch of a model that has but one', async () => {
    const modelPath = models.model('fixed-three', {
      inputs: [{ name: 'x', type: 'FP32', dims: [3, 2] }],
      outputs: [{ name: 'y', type: 'FP32', dims: [3, 2] }],
      nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    });
    const { code, stdout, stderr } = await run(
      ...['compare', modelPath, '--slo', '1s', '--duration', '3s', '--json', '--quiet'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { runs } = JSON.parse(stdout) as { runs: { scaler: string }[] };
    expect(runs.map(({ scaler }) => scaler)).toEqual([
      ...['joint', 'dnnscaler', 'clipper', 'fixed:3,1'],
    ]);
  });

  it('profile keeps what it has measured of a surface when it is interrupted', async () => {
    const file = join(folder, 'surface.csv');
    const { child, ended } = start(
      ...['profile', 'zoo:mobilenet_v1_025', '--surface', file],
      ...['--point-time', '300ms', '--max-batch', '64', '--max-instances', '2'],
    );
    let seen = '';
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (text: string) => {
        seen += text;
        // Of the surface: the profiler has no such point.
        if (seen.includes('batch 2 x 1 instance')) resolve();
      });
      child.on('close', () => {
        resolve();
      });
    });
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/interrupted: the surface has \d+ of 14 points/);
    expect(stdout).toMatch(/Batching|Multi-Tenancy/);
    const { points } = parseSurfaces(await readFile(file, 'utf8'), file).get('mobilenet_v1_025')!;
    expect(points.length).toBeGreaterThanOrEqual(2);
    expect(points.length).toBeLessThan(14);
  });
});
