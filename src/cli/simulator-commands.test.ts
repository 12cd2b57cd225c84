import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { afterEach, beforeAll, afterAll, describe, expect, it, vi } from 'vitest';
import { formatPoint } from '../operating-point.ts';
import type { RunResult } from '../serving/run-result.ts';
import type { Oracle } from '../simulator/oracle.ts';
import { planCommand } from './plan.ts';
import { reproduceCommand } from './reproduce.ts';
import { simulateCommand } from './simulate.ts';

const a100 = fileURLToPath(new URL('../../data/a100-surface.csv', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  process.exitCode = undefined;
});

/** Runs a command in this process; gives its standard output and exit status. */
async function runCli(make: () => Command, ...args: string[]) {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    const command = make()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    await command.parseAsync(args, { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return { out, exitCode: process.exitCode ?? 0 };
}

const simulate = (...args: string[]) => runCli(simulateCommand, ...args);
type Report = RunResult & { readonly oracle: Oracle | null };

describe('dnnscaler simulate --plot', () => {
  const run = [a100, '--network', 'resnet50', '--slo', '50ms', '--duration', '20s'];
  const joint = [...run, '--noise', '0.05', '--scaler', 'joint', '--json'];

  it.each(['html', 'svg'])(
    'draws the path taken and the oracle into a file: .%s',
    async (ending) => {
      const file = join(folder, `path.${ending}`);
      const { out } = await simulate(...joint, '--plot', file);
      const { windows } = JSON.parse(out) as Report;
      const text = readFileSync(file, 'utf8');
      expect(text).toMatch(ending === 'svg' ? /^<svg / : /^<!doctype html>/);
      const visited = windows.filter(
        ({ point }, i) =>
          i === 0 || formatPoint(point) !== formatPoint(windows[i - 1]?.point ?? point),
      ).length;
      expect(text).toContain(`joint visited ${visited} points and ended at`);
      expect(text).toMatch(/the oracle(?:'|&#39;|&#x27;|&apos;)s point: batch 62 x 2 instances/);
    },
  );

  it('refuses an ending that it does not know, and says why a file cannot be written', async () => {
    await expect(simulate(...joint, '--plot', 'path.png')).rejects.toThrow(/\.html or \.svg/);
    const nowhere = join(folder, 'no-such-folder', 'path.svg');
    await expect(simulate(...joint, '--plot', nowhere)).rejects.toThrow(/plot cannot be written/);
  });
});

describe('dnnscaler simulate', () => {
  const common = [a100, '--network', 'resnet50', '--duration', '30s', '--noise', '0.05', '--json'];

  it('prints the result of a run and the oracle, the same with the same seed', async () => {
    const { out, exitCode } = await simulate(...common, '--slo', '50ms', '--seed', '3');
    const report = JSON.parse(out) as Report;
    expect(report).toMatchObject({ simulated: true, verdict: 'held' });
    expect(report.slo).toEqual({ percentile: 0.95, limitMs: 50 });
    expect(report.oracle).toMatchObject({ batchSize: 62, instances: 2 });
    expect(report.oracle?.p95Ms).toBeLessThanOrEqual(50 / 1.02);
    expect(report.throughputPerS).toBeLessThanOrEqual(1.02 * (report.oracle?.throughputPerS ?? 0));
    expect(exitCode).toBe(0);
    expect((await simulate(...common, '--slo', '50ms', '--seed', '3')).out).toBe(out);
    expect((await simulate(...common, '--slo', '50ms', '--seed', '4')).out).not.toBe(out);
  });

  it('exits with 3 and no oracle where no point can hold the SLO', async () => {
    const { out, exitCode } = await simulate(...common, '--slo', '4ms');
    const report = JSON.parse(out) as Report;
    expect(report).toMatchObject({ verdict: 'infeasible', oracle: null });
    expect(exitCode).toBe(3);
  });

  it('exits with 1 where a point exists but is not taken', async () => {
    const { exitCode } = await simulate(...common, '--slo', '30ms', '--scaler', 'fixed:128,1');
    expect(exitCode).toBe(1);
  });

  it('says what was cut to what was measured', async () => {
    const { out } = await simulate(...common, '--slo', '1s', '--scaler', 'fixed:128,5');
    const report = JSON.parse(out) as Report;
    expect(report.operatingPoint).toEqual({ batchSize: 64, instances: 5 });
    expect(report.notes.join()).toContain('up to 64 from 4 instances');
  });

  it('takes drift, steps of the SLO and faults, and prints decisions for people', async () => {
    const csv = join(folder, 'series.csv');
    const { out } = await simulate(
      ...common.slice(0, -1),
      ...['--slo', '50ms', '--scaler', 'dnnscaler', '--drift', '1.5@10s', '--slo-step', '30ms@20s'],
      ...['--crash-chance', '0.001', '--start', '100ms', '--first-call', '1.5', '--csv', csv],
    );
    expect(out).toMatch(/over the 50\.0 ms SLO|under 85% of the 50\.0 ms SLO/);
    expect(out).toMatch(/over the 30\.0 ms SLO/);
    expect(out).toMatch(/oracle +[\d,]+\/s at batch/);
    expect(readFileSync(csv, 'utf8').split('\n').length).toBeGreaterThan(10);
  });

  it.each([
    [['--slo', '50ms'], /--network must be one of mobilenetv2, resnet50/],
    [['--slo', '50ms', '--network', 'resnet'], /must be one of .* received "resnet"/],
    [['--slo', 'fast', '--network', 'vgg19'], /positive duration with a unit.*received "fast"/],
    [['--slo', '9ms', '--network', 'vgg19', '--noise', 'loud'], /number from 0 to 2/],
    [['--slo', '9ms', '--network', 'vgg19', '--drift', '2'], /VALUE@TIME/],
    [['--slo', '9ms', '--network', 'vgg19', '--drift', '0@1s'], /factor from 0.01 to 100/],
    [['--slo', '9ms', '--network', 'vgg19', '--crash-chance', '1'], /at least 0 and under 1/],
    [['--slo', '9ms', '--network', 'vgg19', '--scaler', 'magic'], /the scaler must be one of/],
    [['--network', 'vgg19'], /required option '--slo/],
  ])('refuses %j', async (args, message) => {
    await expect(simulate(a100, ...args)).rejects.toThrow(message);
  });

  it('says which file cannot be read, and where a bad one is bad', async () => {
    await expect(simulate('/nowhere.csv', '--slo', '50ms')).rejects.toThrow(
      /the surface file cannot be read: ENOENT/,
    );
    const bad = join(folder, 'bad.csv');
    writeFileSync(bad, 'network,batch_size,instances,latency_ms\nn,1,1,slow\n');
    await expect(simulate(bad, '--slo', '50ms')).rejects.toThrow(
      'bad.csv line 2, column latency_ms must be a number over 0; received "slow"',
    );
  });
});

describe('dnnscaler plan', () => {
  const plan = (...args: string[]) => runCli(planCommand, a100, '--network', 'resnet50', ...args);

  it('prints the operating point, the machines and the check', async () => {
    const { out, exitCode } = await plan('--rate', '5000', '--slo', '50ms', '--json');
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(report).toMatchObject({ network: 'resnet50', feasible: true, machines: 2 });
    expect(report.check).toMatchObject({ ratePerS: 2500 });
    expect(exitCode).toBe(0);
    expect((await plan('--rate', '5000', '--slo', '50ms')).out).toMatch(
      /machines +2, each at batch/,
    );
  });

  it('exits with 3 where nothing holds the SLO', async () => {
    const { out, exitCode } = await plan('--rate', '5', '--slo', '3ms');
    expect(out).toContain('no operating point of resnet50 holds p95 <= 3.00 ms');
    expect(exitCode).toBe(3);
  });

  it.each([
    [['--rate', '0', '--slo', '50ms'], /requests per second over 0/],
    [['--rate', 'many', '--slo', '50ms'], /requests per second over 0/],
    [['--slo', '50ms'], /required option '--rate/],
    [['--rate', '5', '--slo', '50ms', '--headroom', '-1'], /percentage from 0 to 1000/],
  ])('refuses %j', async (args, message) => {
    await expect(plan(...args)).rejects.toThrow(message);
  });
});

describe('dnnscaler reproduce', () => {
  it('writes its three files and sums them up', async () => {
    const out = join(folder, 'reproduction');
    const result = await runCli(reproduceCommand, '--jobs', '29-30', '--out', out, '--quiet');
    const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as {
      jobs: { job: number }[];
    };
    expect(results.jobs.map(({ job }) => job)).toEqual([29, 30]);
    expect(readFileSync(join(out, 'results.csv'), 'utf8')).toContain('deepvs');
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('<svg ');
    expect(result.out).toMatch(/DNNScaler over Clipper: \d+% on average \(the paper: 218%\)/);
    expect(result.out).toContain("the seed's approach in 2 of 2 jobs");
  });

  it.each([
    [['--jobs', '26'], /must be among the published ones, 1, 2, .*; received 26/],
    [['--jobs', 'all'], /job numbers and ranges/],
    [['--jobs', '9-2'], /job numbers and ranges/],
    [['--jobs', '29', '--scalers', 'magic'], /the scaler must be one of/],
    [['--jobs', '29', '--out', '/dev/null/x'], /--out cannot be made/],
  ])('refuses %j', async (args, message) => {
    const out = ['--out', join(folder, 'refused'), '--quiet'];
    await expect(runCli(reproduceCommand, ...out, ...args)).rejects.toThrow(message);
  });
});

describe('dnnscaler simulate with power', () => {
  /** Latency max(20 + b/2, n b/2) ms; every row of a batch costs 1 W, every further instance 60 W. */
  function surfaceFile(): string {
    const lines = ['network,batch_size,instances,latency_ms,power_watts'];
    for (let n = 1; n <= 6; n += 1) {
      for (const b of [1, 2, 4, 8, 16, 32, 64, 128]) {
        lines.push(`net,${b},${n},${Math.max(20 + b / 2, (n * b) / 2)},${60 * n + b}`);
      }
    }
    const file = join(folder, 'power.csv');
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  }
  const options = ['--slo', '90ms', '--noise', '0.03', '--duration', '90s', '--json'];

  it.each(['joint', 'batching', 'multi-tenancy'])(
    '%s raises rows per joule when told to',
    async (scaler) => {
      const file = surfaceFile();
      const run = async (...more: string[]) =>
        JSON.parse((await simulate(file, ...options, '--scaler', scaler, ...more)).out) as Report;
      const fast = await run();
      const thrifty = await run('--objective', 'throughput-per-watt');
      for (const { power, throughputPerS, throughputPerWatt, verdict } of [fast, thrifty]) {
        expect(verdict).toBe('held');
        expect(throughputPerWatt).toBeCloseTo(throughputPerS / (power?.meanWatts ?? 0));
      }
      const { operatingPoint, power } = thrifty;
      // A closed loop keeps every instance busy, so power is what the table has at the point.
      const expectedWatts = 60 * operatingPoint.instances + operatingPoint.batchSize;
      expect((power?.meanWatts ?? 0) / expectedWatts).toBeCloseTo(1, 1);
      expect(thrifty.throughputPerWatt ?? 0).toBeGreaterThanOrEqual(
        0.98 * (fast.throughputPerWatt ?? 0),
      );
      const { oracle } = thrifty;
      if (scaler === 'joint') {
        const best = (oracle?.throughputPerS ?? 0) / (oracle?.powerWatts ?? 1);
        expect((thrifty.throughputPerWatt ?? 0) / best).toBeGreaterThanOrEqual(0.9);
        expect(thrifty.throughputPerWatt ?? 0).toBeGreaterThan(
          1.05 * (fast.throughputPerWatt ?? 0),
        );
      }
    },
  );

  it('keeps the power of every window in the time series, and in the text', async () => {
    const csv = join(folder, 'power-series.csv');
    const { out } = await simulate(
      surfaceFile(),
      '--slo',
      '90ms',
      '--duration',
      '20s',
      '--csv',
      csv,
    );
    expect(out).toMatch(/power +\d+(\.\d+)? W on average \(simulated, .*rows\/J/);
    const [header, ...lines] = readFileSync(csv, 'utf8').trim().split('\n');
    const at = header?.split(',').indexOf('power_watts') ?? -1;
    expect(at).toBeGreaterThan(0);
    for (const line of lines) expect(Number(line.split(',')[at])).toBeGreaterThan(60);
  });

  it('says what is missing where the surface has no power', async () => {
    await expect(
      simulate(
        a100,
        '--network',
        'resnet50',
        '--slo',
        '50ms',
        '--objective',
        'throughput-per-watt',
      ),
    ).rejects.toThrow(/needs a power meter, and here is none: .*power_watts/);
    const { out } = await simulate(...[a100, '--network', 'resnet50', '--slo', '50ms', '--json']);
    expect(JSON.parse(out)).toMatchObject({ power: null, throughputPerWatt: null });
    expect(out).not.toContain('power was not measured');
  });
});
