import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { readMachine } from '../../engines/machine.ts';
import { Surface } from '../../simulator/surface.ts';
import { writeSurfaces } from '../../simulator/surface-csv.ts';
import type { GpuSample } from '../../telemetry/power/gpu-sample.ts';
import type { NetworkReport } from './network-report.ts';
import { surfacePoints } from './network-report.ts';

/** What was measured on. */
export interface BenchMachine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Null where the provider is the CPU's or nvidia-smi does not answer. */
  readonly gpu: { readonly name: string; readonly driver: string; readonly uuid: string } | null;
  readonly platform: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly package: string;
}

export interface BenchResults {
  readonly machine: BenchMachine;
  readonly provider: string;
  /** Day, as `2026-01-31`. */
  readonly date: string;
  readonly budgetS: number;
  readonly tookS: number;
  /** False when it ended before every network had its turn. */
  readonly complete: boolean;
  readonly powerMeter: string;
  readonly networks: readonly NetworkReport[];
}

export function describeMachine(
  gpu: GpuSample | undefined,
  versions: { readonly onnxruntime: string; readonly package: string },
): BenchMachine {
  const { cores, memoryBytes } = readMachine();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    ...{ cores, memoryBytes },
    gpu: gpu === undefined ? null : { name: gpu.name, driver: gpu.driverVersion, uuid: gpu.uuid },
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    ...versions,
  };
}

/** `nvidia-h100-80gb-hbm3-cuda-2026-01-31`: the device in use, the provider and the day. */
export function folderName({ machine, provider, date }: BenchResults): string {
  const device = machine.gpu?.name ?? `${machine.cpu} ${machine.cores} cores`;
  const slug = `${device} ${provider}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return `${slug}-${date}`;
}

/** The surfaces of all networks that can make one, in the form that `dnnscaler simulate` loads. */
export function surfacesCsv(networks: readonly NetworkReport[]): string {
  const surfaces = networks
    .filter(({ points }) => points.some(({ instances }) => instances === 1))
    .map(({ network, points }) => new Surface(network, surfacePoints(points)));
  return writeSurfaces(surfaces);
}

/**
 * Writes `results.json`, `table.txt` and, once anything was measured, `surface.csv` into the folder of
 * the results.
 *
 * @returns that folder
 */
export async function writeResults(
  root: string,
  results: BenchResults,
  table: string,
): Promise<string> {
  const folder = path.join(root, folderName(results));
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  if (results.networks.some(({ points }) => points.length > 0)) {
    await writeFile(path.join(folder, 'surface.csv'), surfacesCsv(results.networks));
  }
  await writeFile(path.join(folder, 'table.txt'), `${table}\n`);
  return folder;
}
