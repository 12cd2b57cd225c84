import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ocrModel } from '../examples/ocr-models.ts';
import { samplePhotos } from '../examples/photos.ts';
import { readGraph } from '../src/zoo/onnx/read.ts';
import { safetensorsOf } from '../src/zoo/weight-files/testing/write-safetensors.ts';
import { run, start, startWith } from './built-cli.ts';
import type { Ended } from './built-cli.ts';

const classifier = ocrModel('classifier');
const detector = ocrModel('detector');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dnnscaler-cli-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('dnnscaler run', () => {
  it('prints one JSON object about the steady state, and keeps the time series', async () => {
    const csv = join(folder, 'series.csv');
    const runFor = (duration: string): Promise<Ended> =>
      run(
        ...['run', 'zoo:mobilenet_v1_025', '--slo', '5s', '--scaler', 'dnnscaler'],
        ...['--duration', duration, '--json', '--quiet', '--csv', csv],
      );
    let ended = await runFor('9s');
    // On a machine that gives this process a tenth of a core, profiling alone takes that long.
    if (ended.stdout.includes('"verdict": "undecided"')) ended = await runFor('60s');
    const { code, stdout, stderr } = ended;
    expect(stderr).toBe('');
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(code).toBe(0);
    expect(result).toMatchObject({
      model: 'mobilenet_v1_025',
      simulated: false,
      approach: expect.stringMatching(/^(batching|multi-tenancy)$/) as string,
      operatingPoint: {
        batchSize: expect.any(Number) as number,
        instances: expect.any(Number) as number,
      },
      profile: {
        probes: expect.any(Array) as unknown[],
        tiBatchingPercent: expect.any(Number) as number,
        tiMultiTenancyPercent: expect.any(Number) as number,
      },
      throughputPerS: expect.any(Number) as number,
      latencyMs: {
        p50: expect.any(Number) as number,
        p95: expect.any(Number) as number,
        p99: expect.any(Number) as number,
      },
      slo: { percentile: 0.95, limitMs: 5000 },
      verdict: 'held',
    });
    expect(result.sloAttainment).toBeGreaterThanOrEqual(0.95);
    const windows = result.windows as { reason: string }[];
    expect(windows.length).toBeGreaterThan(2);
    for (const window of windows) expect(window.reason).not.toBe('');
    const lines = (await readFile(csv, 'utf8')).trim().split(/\r?\n/);
    expect(lines).toHaveLength(windows.length + 1);
    expect(lines[0]).toMatch(/^scaler,time_ms,/);
  });

  it('serves photographs through a pretrained network, and counts the broken ones', async () => {
    const photos = join(folder, 'photos');
    await mkdir(photos);
    const [first, second] = samplePhotos() as [string, string];
    await copyFile(first, join(photos, 'whole.jpg'));
    const bytes = await readFile(second);
    await writeFile(join(photos, 'torn.jpg'), bytes.subarray(0, bytes.length / 2));
    const { code, stdout } = await run(
      ...['run', detector, '--slo', '30s', '--shape', 'x=1,3,160,160', '--input', photos],
      ...['--scaler', 'fixed:1,1', '--duration', '4s', '--quiet'],
    );
    expect(stdout).toContain('1 input could not be read and was skipped');
    expect(stdout).toContain('torn.jpg');
    expect(code).toBe(0);
  });

  it('ends with 3 and says the best it could do when no operating point can hold the SLO', async () => {
    const { code, stdout } = await run(
      ...['run', 'zoo:mobilenet_v1_025', '--slo', '50us', '--scaler', 'batching'],
      ...['--duration', '4s', '--quiet'],
    );
    expect(stdout).toContain('no operating point is likely to hold this SLO here');
    expect(code).toBe(3);
  });

  it('ends with its summary on the first Ctrl-C', async () => {
    const { child, ended } = start(
      'run',
      'zoo:mobilenet_v1_025',
      '--slo',
      '2s',
      '--duration',
      '10m',
    );
    let seen = '';
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (text: string) => {
        seen += text;
        if (seen.split('probe').length > 2) resolve();
      });
    });
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(stdout).toContain('throughput');
    expect([0, 1]).toContain(code);
  });
});

describe('dnnscaler compare, profile and zoo', () => {
  it('compares scalers in turn', async () => {
    const { code, stdout } = await run(
      ...['compare', 'zoo:dan_sst', '--slo', '1s', '--scalers', 'clipper,fixed:4,1'],
      ...['--duration', '3s', '--json', '--quiet'],
    );
    expect(code).toBe(0);
    const { runs } = JSON.parse(stdout) as { runs: { scaler: string; throughputPerS: number }[] };
    expect(runs.map(({ scaler }) => scaler)).toEqual(['clipper', 'fixed:4,1']);
    for (const { throughputPerS } of runs) expect(throughputPerS).toBeGreaterThan(0);
  });

  it('profiles a network', async () => {
    const args = ['zoo:dan_sst', '--point-time', '500ms', '--json', '--quiet'];
    const { code, stdout } = await run('profile', ...args);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { tiBatchingPercent: number; probes: unknown[] };
    expect(report.tiBatchingPercent).toBeGreaterThan(0);
    expect(report.probes.length).toBeGreaterThanOrEqual(2);
  });

  it('lists networks and writes one', async () => {
    const listed = await run('zoo', 'list');
    expect(listed.stdout).toContain('mobilenet_v1_100');
    const { code, stdout } = await run('zoo', 'build', 'mobilenet_v1_025', '--out', folder);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(join(folder, 'mobilenet_v1_025.onnx'));
    expect((await readFile(stdout.trim())).length).toBeGreaterThan(1e6);
    const options = ['--input', 'float32', '--fold-batch-norm', '--json'];
    const other = join(folder, 'folded');
    const folded = await run('zoo', 'build', 'mobilenet_v1_025', '--out', other, ...options);
    const [built] = JSON.parse(folded.stdout) as { name: string; path: string; bytes: number }[];
    expect(built).toMatchObject({
      name: 'mobilenet_v1_025',
      path: join(other, 'mobilenet_v1_025.onnx'),
    });
    const graph = readGraph(await readFile(built!.path), built!.path);
    expect(graph.inputs[0]?.datatype).toBe('FP32');
    expect(graph.nodes.filter(({ opType }) => opType === 'BatchNormalization')).toEqual([]);
    expect(built!.bytes).toBe((await readFile(built!.path)).length);
    const wrong = await run('zoo', 'build', 'dan_sst', '--out', other, '--input', 'int8');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('uint8 or float32')]);
  });

  it('takes an unfinished file away when it is interrupted', async () => {
    const out = join(folder, 'interrupted');
    const { child, ended } = start('zoo', 'build', 'all', '--out', out);
    while (!existsSync(out) && child.exitCode === null) await sleep(10);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([130, expect.stringContaining('interrupted')]);
    expect(readdirSync(out).filter((name) => !name.endsWith('.onnx'))).toEqual([]);
  });

  it('lists the tensors of a weights file, says how one differs, and builds with one that fits', async () => {
    const network = 'mobilenet_v1_025';
    const listed = await run('zoo', 'weights', network, '--json');
    const required = JSON.parse(listed.stdout) as { name: string; dims: number[] }[];
    const file = join(folder, 'weights.safetensors');
    const write = (names: typeof required): Promise<void> =>
      writeFile(
        file,
        safetensorsOf(
          Object.fromEntries(
            names.map(({ name, dims }) => {
              const data = new Uint8Array(2 * dims.reduce((a, b) => a * b)).fill(0x3c);
              return [name, { dtype: 'F16', shape: dims, data }];
            }),
          ),
        ),
      );
    await write(required.slice(1));
    const build = ['zoo', 'build', network, '--out', join(folder, 'own'), '--weights', file];
    const unfit = await run(...build);
    expect(unfit.code).toBe(2);
    expect(unfit.stderr).toContain('missing (1):\n  MobilenetV1/Conv2d_0/weights [3, 3, 3, 8]');
    const checked = await run('zoo', 'weights', network, '--check', file);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toContain(`${required.length - 1} of ${required.length} tensors fit`);
    await write([...required, { name: 'global_step', dims: [1] }]);
    const built = await run(...build);
    expect(built.stderr).toBe('not used (1):\n  global_step\n');
    expect(built.stdout.trim()).toBe(join(folder, 'own', `${network}.onnx`));
    const seeded = await run(...build, '--seed', '2');
    expect(seeded.stderr).toMatch(/cannot be used with option '--seed/);
    const all = await run('zoo', 'build', 'all', '--out', folder, '--weights', file);
    expect(all.stderr).toContain('--weights is for one network at a time; received "all"');
    expect([seeded.code, all.code]).toEqual([2, 2]);
  });
});

describe('bad input', () => {
  const model = 'zoo:mobilenet_v1_025';

  it.each([
    ['no SLO', ['run', model], /required option '--slo/],
    ['an SLO of 0', ['run', model, '--slo', '0ms'], /--slo must be a positive duration.*"0ms"/],
    ['an SLO of no unit', ['run', model, '--slo', '50'], /--slo must be a positive duration.*"50"/],
    ['an SLO of "fast"', ['run', model, '--slo', 'fast'], /--slo must be a positive.*"fast"/],
    ['a percentile of 95', ['run', model, '--slo', '1s', '--percentile', '95'], /between 0 and 1/],
    [
      'an unknown option',
      ['run', model, '--slo', '1s', '--batch', '3'],
      /unknown option '--batch'/,
    ],
    ['an unknown command', ['serf'], /unknown command 'serf'/],
    ['an unknown scaler', ['run', model, '--slo', '1s', '--scaler', 'magic'], /scaler.*"magic"/],
    ['an unknown provider', ['run', model, '--slo', '1s', '--provider', 'tpu'], /--provider/],
    ['an unknown network', ['run', 'zoo:mobilenet_v1_26', '--slo', '1s'], /did you mean/],
    ['a missing model', ['run', 'no/such.onnx', '--slo', '1s'], /no\/such\.onnx/],
    [
      'a fixed point beyond the limits',
      ['run', model, '--slo', '1s', '--scaler', 'fixed:500,1'],
      /fixed batch size must be 1\.\.128.*500/,
    ],
    ['an open dimension', ['run', detector, '--slo', '1s'], /--shape x=/],
    ['a wrong shape', ['run', detector, '--slo', '1s', '--shape', 'x=1,3,17'], /x/],
    ['a shape of words', ['run', detector, '--slo', '1s', '--shape', 'x=a,b'], /NAME=D1,D2/],
  ])('%s is said in one line, with exit status 2', async (_what, args, message) => {
    const { code, stdout, stderr } = await run(...args, '--quiet');
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('a file that is no model, and folders without images, are refused', async () => {
    const garbage = join(folder, 'garbage.onnx');
    await writeFile(garbage, 'not a model');
    const empty = join(folder, 'empty');
    await mkdir(empty);
    for (const args of [
      [garbage, '--slo', '1s'],
      [classifier, '--slo', '1s', '--shape', 'x=1,3,48,192', '--input', empty],
      [classifier, '--slo', '1s', '--shape', 'x=1,3,48,192', '--input', join(folder, 'nowhere')],
    ]) {
      const { code, stdout, stderr } = await run('run', ...args, '--quiet');
      expect(stderr).toMatch(/^error: /);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(stdout).toBe('');
      expect(code).not.toBe(0);
    }
  });

  it('a provider that this machine lacks is refused before anything starts', async () => {
    const { code, stderr } = await run(
      'run',
      model,
      '--slo',
      '1s',
      '--provider',
      'cuda',
      '--quiet',
    );
    expect(stderr).toMatch(/^error: .*cuda/i);
    expect(code).not.toBe(0);
  });
});

describe('dnnscaler doctor', () => {
  it('tries the providers and tells what works', async () => {
    const { code, stdout, stderr } = await run('doctor', '--json');
    expect(stderr).toBe('');
    const report = JSON.parse(stdout) as {
      providers: { name: string; works: boolean; detail: string }[];
      machine: { cores: number };
      images: { works: boolean };
    };
    expect(report.providers[0]).toMatchObject({ name: 'cpu', works: true });
    for (const { detail } of report.providers) expect(detail).toMatch(/^[^\n]+$/);
    expect(report.machine.cores).toBeGreaterThanOrEqual(1);
    expect(report.images.works).toBe(true);
    expect(code).toBe(0);
  });
});

describe('dnnscaler doctor, interrupted', () => {
  it('leaves nothing behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dnnscaler-cli-doctor-'));
    const { child, ended } = startWith({ TMPDIR: folder }, 'doctor');
    while (readdirSync(folder).length === 0) await sleep(5);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(stderr).toBe('interrupted\n');
    expect(code).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });
});

describe('a reader that goes away', () => {
  it('ends the command without a word', async () => {
    const { child, ended } = start('serve', '--help');
    child.stdout?.destroy();
    const { stderr } = await ended;
    expect(stderr).toBe('');
    expect(child.signalCode).toBe('SIGTERM');
  });
});
