import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, TimerHandle } from '../../clock.ts';
import { PowerHistory } from './power-meter.ts';
import type { PowerMeter } from './power-meter.ts';

export interface RaplOptions {
  readonly clock: Clock;
  /** Where the kernel shows its counters; default `/sys/class/powercap`. */
  readonly folder?: string;
  /** Between readings, in ms; default 200. */
  readonly intervalMs?: number;
}

/** A package's counter of microjoules, and where it starts again from 0. */
interface Counter {
  readonly file: string;
  readonly rangeUj: number;
  lastUj: number;
}

/** A meter that runs until it is closed. */
export interface RunningMeter extends PowerMeter {
  close(): void;
}

/**
 * Meters the power of the CPU packages by the counters that Linux shows of Intel's RAPL, and of AMD's
 * equal (https://www.kernel.org/doc/html/latest/power/powercap/powercap.html). Whatever runs on the
 * CPU counts, this process or not; memory and disks do not.
 *
 * @returns a sentence where there is none, or none that may be read
 */
export async function openRaplMeter(options: RaplOptions): Promise<RunningMeter | string> {
  const { clock, folder = '/sys/class/powercap', intervalMs = 200 } = options;
  const found = await findCounters(folder);
  if (typeof found === 'string') return found;
  const history = new PowerHistory();
  let lastMs = clock.nowMs();
  let timer: TimerHandle | undefined;
  let trouble: string | null = null;
  let isClosed = false;
  const next = (): void => {
    if (isClosed) return;
    timer = clock.setTimer(intervalMs, () => void sample());
    (timer as { unref?: () => void }).unref?.();
  };
  const sample = async (): Promise<void> => {
    try {
      const fromMs = lastMs;
      const readings = await Promise.all(found.map(({ file }) => readUj(file)));
      lastMs = clock.nowMs();
      let uj = 0;
      for (const [i, counter] of found.entries()) {
        const nowUj = readings[i] as number;
        uj += nowUj - counter.lastUj + (nowUj < counter.lastUj ? counter.rangeUj : 0);
        counter.lastUj = nowUj;
      }
      trouble = null;
      if (lastMs > fromMs) history.add(fromMs, lastMs, uj / 1e3 / (lastMs - fromMs));
    } catch (thrown) {
      trouble = `the CPU's power can no longer be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    }
    next();
  };
  next();
  const packages = found.length === 1 ? 'the CPU package' : `${found.length} CPU packages`;
  return {
    name: `RAPL, ${packages}`,
    get trouble() {
      return trouble;
    },
    meanWatts: (fromMs, toMs) => history.meanWatts(fromMs, toMs),
    close: () => {
      isClosed = true;
      clock.clearTimer(timer);
    },
  };
}

async function findCounters(folder: string): Promise<Counter[] | string> {
  const names = await readdir(folder).catch(() => []);
  const counters: Counter[] = [];
  for (const name of names.filter((one) => /^intel-rapl:\d+$/.test(one)).sort()) {
    const zone = path.join(folder, name);
    const label = await readFile(path.join(zone, 'name'), 'utf8').catch(() => '');
    if (!label.startsWith('package')) continue;
    const file = path.join(zone, 'energy_uj');
    try {
      const rangeUj = await readUj(path.join(zone, 'max_energy_range_uj'));
      counters.push({ file, rangeUj, lastUj: await readUj(file) });
    } catch {
      return `${file} may not be read (as a rule only root may)`;
    }
  }
  return counters.length > 0 ? counters : `the kernel shows no RAPL counters in ${folder}`;
}

async function readUj(file: string): Promise<number> {
  const text = (await readFile(file, 'utf8')).trim();
  if (!/^\d+$/.test(text)) throw new Error(`${file} holds no count`);
  return Number(text);
}
