import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, startWith } from './built-cli.ts';
import type { Ended } from './built-cli.ts';
import { fakeSmi } from './nvidia-smi/fake-smi.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'dnnscaler-power-'));
  symlinkSync(fakeSmi, path.join(folder, 'nvidia-smi'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command on a machine whose nvidia-smi behaves as told. */
async function run(behaviour: string, ...args: string[]): Promise<Ended & { pids: number[] }> {
  const log = path.join(mkdtempSync(path.join(folder, 'run-')), 'starts.txt');
  const PATH = `${folder}${path.delimiter}${process.env.PATH ?? ''}`;
  const environment = { PATH, FAKE_SMI: behaviour, FAKE_SMI_LOG: log };
  const ended = await startWith(environment, ...args, '--quiet').ended;
  const starts = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return { ...ended, pids: starts.map((line) => parseInt(line, 10)) };
}

const model = ['run', 'zoo:dan_sst', '--slo', '5s', '--scaler', 'fixed:4,1', '--duration', '4s'];

describe('dnnscaler run with a meter', () => {
  it('puts power and rows per joule beside throughput, and leaves no nvidia-smi behind', async () => {
    const ended = await run('', ...model, '--power-meter', 'gpu', '--json');
    expect(ended.stderr).toBe('');
    const result = JSON.parse(ended.stdout) as Record<string, number> & {
      power: { meanWatts: number; energyJoules: number };
    };
    expect(result.power).toMatchObject({
      meter: 'nvidia-smi, board of GPU 0 (NVIDIA H100 80GB HBM3)',
      meanWatts: expect.closeTo(410.25) as number,
    });
    const { throughputPerS = 0, throughputPerWatt, steadyMs = 0 } = result;
    expect(throughputPerWatt).toBeCloseTo(throughputPerS / 410.25);
    expect(result.power.energyJoules).toBeCloseTo((410.25 * steadyMs) / 1000);
    for (const pid of ended.pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('goes on without power when the driver is not there, and says so once', async () => {
    const ended = await run('no-driver', ...model, '--power-meter', 'gpu');
    expect(ended.code).toBe(0);
    expect(ended.stdout.match(/power was not measured: .*NVIDIA driver/g)).toHaveLength(1);
    expect(ended.stdout).not.toMatch(/ 0\.00 W|rows\/J/);
  });

  it.each([
    ['no driver', 'no-driver', [], /needs a power meter, and here is none: .*NVIDIA driver/],
    ['a GPU that does not tell', 'mute', [], /needs a power meter.*does not tell its power/],
    ['a meter that is off', '', ['--power-meter', 'off'], /needs a power meter.*off/],
  ])('refuses throughput per watt with %s', async (_what, behaviour, more, message) => {
    const args = [...model, '--objective', 'throughput-per-watt', '--power-meter', 'gpu', ...more];
    const ended = await run(behaviour, ...args);
    expect(ended.stderr).toMatch(message);
    expect(ended.stdout).toBe('');
    expect(ended.code).toBe(2);
  });
});

describe('nvidia-smi', () => {
  it('is tried again later when no file descriptor is left to start it with', async () => {
    const dist = new URL('../dist/', import.meta.url).href;
    const program = `
      const { openSync } = await import('node:fs');
      const { systemClock: clock } = await import('${dist}clock.js');
      const { GpuMonitor } = await import('${dist}telemetry/power/gpu-monitor.js');
      const files = [];
      try { for (;;) files.push(openSync('/dev/null')); } catch {}
      const gpus = new GpuMonitor({ clock, command: process.argv[1], firstBackoffMs: 10 });
      const why = await gpus.ready;
      const { closeSync } = await import('node:fs');
      for (const file of files) closeSync(file);
      while (gpus.gpus.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      await gpus.close();
      console.log(why);`;
    const command = `ulimit -n 64 && exec "$0" --input-type=module -e "$1" "$2"`;
    const child = spawn('sh', ['-c', command, process.execPath, program, fakeSmi], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const printed = await text(child.stdout);
    expect(printed).toMatch(/EMFILE/);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('is gone after %s', async (signal) => {
    const log = path.join(mkdtempSync(path.join(folder, 'run-')), 'starts.txt');
    const PATH = `${folder}${path.delimiter}${process.env.PATH ?? ''}`;
    const args = ['run', 'zoo:dan_sst', '--slo', '5s', '--duration', '10m', '--power-meter', 'gpu'];
    const child = spawn(process.execPath, [cli, ...args], {
      env: { ...process.env, PATH, FAKE_SMI: '', FAKE_SMI_LOG: log },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    // Its first words on standard error come once it runs.
    await new Promise((resolve) => child.stderr.once('data', resolve));
    while (!existsSync(log)) await sleep(20);
    child.kill(signal);
    await ended;
    const pid = parseInt(readFileSync(log, 'utf8'), 10);
    while (isAlive(pid)) await sleep(20);
  });
});

describe('dnnscaler serve', () => {
  it('keeps its token from what it starts', async () => {
    const log = path.join(mkdtempSync(path.join(folder, 'run-')), 'starts.txt');
    const PATH = `${folder}${path.delimiter}${process.env.PATH ?? ''}`;
    const args = ['serve', 'zoo:dan_sst', '--slo', '5s', '--power-meter', 'gpu', '--no-grpc'];
    const child = spawn(
      process.execPath,
      [cli, ...args, '--port', '0', '--log', 'json', '--calibrate', '0s', '--scaler', 'fixed:1,1'],
      {
        env: {
          ...process.env,
          PATH,
          FAKE_SMI: '',
          FAKE_SMI_LOG: log,
          DNNSCALER_TOKEN: 'a secret of the server',
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const ended = new Promise((resolve) => child.on('close', (_code, signal) => resolve(signal)));
    const lines: Record<string, string>[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line) as Record<string, string>);
    });
    const said = async (message: string): Promise<Record<string, string>> => {
      for (;;) {
        const line = lines.find(({ msg }) => msg === message);
        if (line !== undefined) return line;
        if (child.exitCode !== null) throw new Error(`ended before it said "${message}"`);
        await sleep(10);
      }
    };
    await said('ready');
    while (!existsSync(log) || readFileSync(log, 'utf8') === '') await sleep(10);
    const smi = parseInt(readFileSync(log, 'utf8'), 10);
    const instances = childrenOf(child.pid as number).filter((pid) => pid !== smi);
    expect(instances.length).toBeGreaterThanOrEqual(1);
    for (const pid of [smi, ...instances]) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      expect(environment).toContain('FAKE_SMI_LOG=');
      expect(environment).not.toContain('DNNSCALER_TOKEN');
    }
    child.kill('SIGTERM');
    expect(await ended).toBe(null);
    for (const pid of [smi, ...instances]) while (isAlive(pid)) await sleep(20);
  });
});

function childrenOf(pid: number): readonly number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
