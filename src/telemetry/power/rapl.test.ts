import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../clock.ts';
import { openRaplMeter } from './rapl.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rapl-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function zone(name: string, label: string, energyUj: number | string): string {
  const at = path.join(folder, name);
  mkdirSync(at, { recursive: true });
  writeFileSync(path.join(at, 'name'), `${label}\n`);
  writeFileSync(path.join(at, 'max_energy_range_uj'), '1000000000\n');
  writeFileSync(path.join(at, 'energy_uj'), `${energyUj}\n`);
  return path.join(at, 'energy_uj');
}

/** A clock on which nothing happens until its one timer is fired. */
function handClock(): Clock & { advance(ms: number): Promise<void> } {
  let nowMs = 0;
  let pending: (() => void) | undefined;
  let onSet: (() => void) | undefined;
  return {
    nowMs: () => nowMs,
    timeOfDayMs: () => 0,
    setTimer: (_delayMs, fire) => {
      pending = fire;
      onSet?.();
      return {};
    },
    clearTimer: () => (pending = undefined),
    async advance(ms) {
      nowMs += ms;
      // A reading is over when the next one is planned.
      const planned = new Promise<void>((resolve) => (onSet = resolve));
      pending?.();
      await planned;
    },
  };
}

describe('openRaplMeter', () => {
  it('adds up the packages, follows their counters around, and leaves parts of them out', async () => {
    const first = zone('intel-rapl:0', 'package-0', 999_000_000);
    const second = zone('intel-rapl:1', 'package-1', 5_000_000);
    zone('intel-rapl:0:0', 'core', 1);
    zone('intel-rapl:2', 'psys', 1);
    const clock = handClock();
    const meter = await openRaplMeter({ clock, folder });
    if (typeof meter === 'string') throw new Error(meter);
    expect(meter.name).toBe('RAPL, 2 CPU packages');
    writeFileSync(first, '9000000');
    writeFileSync(second, '15000000');
    await clock.advance(500);
    // 10 J by the first, over its end, and 10 J by the second, in half a second.
    expect(meter.meanWatts(0, 500)).toBeCloseTo(40);
    expect(meter.meanWatts(1, 500)).toBeUndefined();
    writeFileSync(second, 'nonsense');
    await clock.advance(500);
    expect(meter.trouble).toMatch(/can no longer be read/);
    expect(meter.meanWatts(500, 1000)).toBeUndefined();
    meter.close();
  });

  it('says why there is none', async () => {
    const clock = handClock();
    const nowhere = path.join(folder, 'none');
    expect(await openRaplMeter({ clock, folder: nowhere })).toMatch(/shows no RAPL counters/);
    zone('intel-rapl:0', 'package-0', 'secret');
    expect(await openRaplMeter({ clock, folder })).toMatch(/energy_uj may not be read/);
  });
});
