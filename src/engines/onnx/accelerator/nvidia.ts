import { join } from 'node:path';
import type { Host } from './host.ts';

/** A GPU as `nvidia-smi` lists it. */
export interface NvidiaGpu {
  /** In the order of the PCI bus, which is nvidia-smi's. */
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  /** Of the driver, such as `580.95.05`. */
  readonly driver: string;
  /** Both absent where the GPU does not tell, as those that share the machine's memory. */
  readonly memoryBytes?: number;
  readonly freeBytes?: number;
}

/** The name comes last, since nothing says that it holds no comma. */
const fields = ['index', 'uuid', 'driver_version', 'memory.total', 'memory.free', 'name'];

/** The GPUs of this machine; undefined without `nvidia-smi`, or when it fails. */
export async function listNvidiaGpus(host: Host): Promise<readonly NvidiaGpu[] | undefined> {
  const query = [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'];
  const output = await host.output('nvidia-smi', query);
  return output === undefined ? undefined : parseGpus(output);
}

/** Lines of `0, GPU-1f.., 580.95.05, 81559, 80994, NVIDIA H100`, with memory in MiB. */
export function parseGpus(csv: string): readonly NvidiaGpu[] {
  return csv.split('\n').flatMap((line) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const [index = '', uuid = '', driver = '', total, free, ...name] = cells;
    if (!/^\d+$/.test(index) || name.length === 0) return [];
    const memoryBytes = mebibytes(total);
    const freeBytes = mebibytes(free);
    return [
      {
        ...{ index: Number(index), name: name.join(', '), uuid, driver },
        ...(memoryBytes !== undefined && { memoryBytes }),
        ...(freeBytes !== undefined && { freeBytes }),
      },
    ];
  });
}

/** Undefined for what cannot be read, which nvidia-smi writes as `[N/A]`. */
function mebibytes(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? value * 2 ** 20 : undefined;
}

/**
 * The oldest driver that runs each major version of CUDA (NVIDIA's CUDA compatibility guide, minor
 * version compatibility).
 */
const oldestDrivers: Readonly<Record<number, number>> = { 11: 450, 12: 525, 13: 580 };

/** The oldest driver that CUDA of this major version takes; undefined where that is not known. */
export function oldestDriverFor(cudaMajor: number): number | undefined {
  return oldestDrivers[cudaMajor];
}

/**
 * Whether the control daemon of CUDA's Multi-Process Service runs, with which the kernels of
 * several processes run at the same time; without it the GPU gives them slices of time. Its pipe is
 * in `CUDA_MPS_PIPE_DIRECTORY`, by default `/tmp/nvidia-mps` (NVIDIA's MPS documentation).
 */
export function mpsRuns(host: Host): boolean {
  const folder = host.environment.CUDA_MPS_PIPE_DIRECTORY ?? '/tmp/nvidia-mps';
  if (!host.exists(join(folder, 'control'))) return false;
  const pid = host.readText(join(folder, 'nvidia-cuda-mps-control.pid'))?.trim();
  // The pipe outlives a daemon that was killed. Where its number is unknown, it may be anyone's.
  if (pid === undefined || !/^\d+$/.test(pid)) return true;
  return host.readText(`/proc/${pid}/comm`)?.startsWith('nvidia-cuda-mps') === true;
}
