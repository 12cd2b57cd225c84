import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../../clock.ts';
import { GpuMonitor } from './gpu-monitor.ts';
import { openPower } from './open-power.ts';
import { arrangeFakeSmi, fakeSmi } from '../../../tests/nvidia-smi/fake-smi.ts';

const clock = systemClock;
let cleanUp: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
  cleanUp = [];
});

function monitor(
  behaviour: string,
  options: Partial<ConstructorParameters<typeof GpuMonitor>[0]> = {},
): { gpus: GpuMonitor; starts: () => readonly number[] } {
  const fake = arrangeFakeSmi(behaviour);
  const gpus = new GpuMonitor({ clock, command: fakeSmi, intervalMs: 20, ...options });
  cleanUp.push(fake.restore, () => gpus.close());
  return { gpus, starts: fake.starts };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('GpuMonitor', () => {
  it('streams the GPUs of a machine from one child, and ends it', async () => {
    const { gpus, starts } = monitor('');
    expect(await gpus.ready).toBeNull();
    await until(() => gpus.gpus.length === 2);
    expect(gpus.gpus[0]).toMatchObject({ index: 0, utilization: 0.87, powerWatts: 410.25 });
    expect(gpus.gpus[1]).toMatchObject({ index: 1, name: 'Tesla P40, rev. A' });
    const fromMs = clock.nowMs();
    const meter = gpus.meterOf(0);
    await until(() => meter.meanWatts(fromMs, clock.nowMs()) !== undefined);
    expect(meter.meanWatts(fromMs, clock.nowMs())).toBeCloseTo(410.25);
    expect(meter.name).toBe('nvidia-smi, board of GPU 0 (NVIDIA H100 80GB HBM3)');
    expect(meter.trouble).toBeNull();
    expect(gpus.meterOf('GPU-aaaa').meanWatts(fromMs, clock.nowMs())).toBeCloseTo(410.25);
    const silent = gpus.meterOf(1);
    expect(silent.meanWatts(0, clock.nowMs())).toBeUndefined();
    expect(silent.trouble).toBe('GPU 1 (Tesla P40, rev. A) does not tell its power');
    expect(gpus.meterOf(7).trouble).toBe('nvidia-smi lists no GPU 7');
    await gpus.close();
    expect(starts()).toHaveLength(1);
    expect(isAlive(starts()[0] as number)).toBe(false);
  });

  it('says when nvidia-smi is not there', async () => {
    const { gpus } = monitor('', { command: '/no/such/nvidia-smi' });
    expect(await gpus.ready).toBe('/no/such/nvidia-smi was not found');
    expect(gpus.gpus).toEqual([]);
    expect(gpus.meterOf(0).trouble).toBe('/no/such/nvidia-smi was not found');
  });

  it('asks older drivers for the power they know', async () => {
    const { gpus, starts } = monitor('old');
    expect(await gpus.ready).toBeNull();
    expect(gpus.find(0)?.powerWatts).toBe(410.25);
    expect(starts()).toHaveLength(2);
  });

  it('says that a GPU which is cut up has one power for all its instances', async () => {
    const { gpus } = monitor('mig');
    expect(await gpus.ready).toBeNull();
    expect(gpus.find(0)?.utilization).toBeUndefined();
    expect(gpus.meterOf(0).name).toMatch(/all its MIG instances together$/);
  });

  it('outlives a driver that dies: says so, tries again, ever more rarely', async () => {
    const { gpus, starts } = monitor('dies', { firstBackoffMs: 30, maxBackoffMs: 60 });
    expect(await gpus.ready).toBeNull();
    await until(() => gpus.trouble !== null);
    expect(gpus.trouble).toMatch(/GPU is lost|couldn't communicate/);
    await until(() => starts().length >= 4);
    expect(gpus.trouble).toMatch(/couldn't communicate with the NVIDIA driver/);
    expect(gpus.meterOf(0).meanWatts(clock.nowMs(), clock.nowMs() + 1e6)).toBeUndefined();
  });

  it('is ready with a reason where there is no driver', async () => {
    const { gpus } = monitor('no-driver');
    expect(await gpus.ready).toMatch(/fake-smi\.mjs ended \(exit code 9\): NVIDIA-SMI has failed/);
  });

  it('kills and replaces a child that has fallen silent', async () => {
    // Node.js might take longer than that to start.
    const folder = mkdtempSync(path.join(tmpdir(), 'silent-smi-'));
    cleanUp.push(() => rmSync(folder, { recursive: true }));
    const command = path.join(folder, 'nvidia-smi');
    writeFileSync(command, '#!/bin/sh\necho $$ >> "$FAKE_SMI_LOG"\nexec sleep 600\n', {
      mode: 0o755,
    });
    const { gpus, starts } = monitor('', {
      ...{ command, silenceLimitMs: 1000, firstBackoffMs: 10, maxBackoffMs: 10 },
    });
    expect(await gpus.ready).toMatch(/ended \(SIGKILL\)/);
    await until(() => starts().length >= 2);
  });

  it('closes although the child will not end', async () => {
    const { gpus, starts } = monitor('stubborn');
    expect(await gpus.ready).toBeNull();
    await gpus.close();
    await until(() => !isAlive(starts()[0] as number));
  });
});

describe('openPower', () => {
  const open = async (
    behaviour: string,
    options: Partial<Parameters<typeof openPower>[0]> = {},
  ): Promise<Awaited<ReturnType<typeof openPower>>> => {
    const fake = arrangeFakeSmi(behaviour);
    const power = await openPower({
      ...{ clock, kind: 'auto', onGpu: true, smiCommand: fakeSmi, environment: {} },
      raplFolder: '/no/such/folder',
      ...options,
    });
    cleanUp.push(fake.restore, power.close);
    return power;
  };

  it('meters the GPU in use, wherever CUDA counts it', async () => {
    const environment = { CUDA_VISIBLE_DEVICES: 'GPU-bbbb,0' };
    const power = await open('', { environment, device: 1 });
    expect(await power.ready).toBeNull();
    expect(power.meter.name).toContain('GPU 0');
    const other = await open('', { environment, device: 0 });
    expect(await other.ready).toMatch(/does not tell its power|lists no GPU/);
  });

  it.each([
    ['no RAPL', { onGpu: false }, /no RAPL counters in \/no\/such\/folder/],
    ['a meter that is off', { kind: 'off' }, /off/],
    ['a GPU that is hidden', { environment: { CUDA_VISIBLE_DEVICES: '' } }, /CUDA_VISIBLE_DEVICES/],
    ['a GPU that does not tell', { device: 5 }, /lists no GPU 5/],
  ] as const)('says why there is no power with %s', async (_what, options, reason) => {
    const power = await open('', options);
    expect(await power.ready).toMatch(reason);
    expect(power.meter.trouble).toMatch(reason);
    expect(power.meter.meanWatts(0, clock.nowMs())).toBeUndefined();
  });
});
