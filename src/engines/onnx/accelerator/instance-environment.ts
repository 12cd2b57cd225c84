import { visibleDevices } from '../../../telemetry/power/visible-devices.ts';
import type { Provider } from '../providers.ts';
import type { FoundLibrary } from './library-search.ts';
import { splitPath } from './library-search.ts';

export interface InstanceEnvironmentOptions {
  readonly provider: Provider;
  /** What this process has, which the instance gets but for the changes. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Libraries that the provider needs. */
  readonly found: ReadonlyMap<string, FoundLibrary>;
  /** Number of the GPU in the order of nvidia-smi, among those that this process may see. */
  readonly device: number | undefined;
  /** GPU memory that the instance may take. */
  readonly memoryBytes: number | undefined;
}

/**
 * What a process instance's environment has beside this process's own: the one GPU it may see, the
 * memory it may take of it, and where the dynamic loader finds the provider's libraries, since that
 * can only be told before a process starts.
 */
export function instanceEnvironment(
  options: InstanceEnvironmentOptions,
): Readonly<Record<string, string>> {
  const { provider, environment, found, device, memoryBytes } = options;
  const added: Record<string, string> = {};
  const folders = new Set([...found.values()].filter((l) => !l.byLoader).map((l) => l.folder));
  if (folders.size > 0) {
    const before = splitPath(environment.LD_LIBRARY_PATH);
    added.LD_LIBRARY_PATH = [...before, ...folders].join(':');
  }
  if (provider !== 'cuda' && provider !== 'tensorrt') return added;
  // CUDA by itself counts the fastest GPU first: the first would then be another than nvidia-smi's.
  if (device !== undefined || environment.CUDA_DEVICE_ORDER === undefined) {
    added.CUDA_DEVICE_ORDER = 'PCI_BUS_ID';
  }
  if (device !== undefined) {
    added.CUDA_VISIBLE_DEVICES =
      visibleDevices(environment.CUDA_VISIBLE_DEVICES)?.[device] ?? `${device}`;
  }
  if (memoryBytes !== undefined) {
    // In MiB, and of device 0, which is the one that the instance uses (NVIDIA's MPS documentation).
    const mebibytes = Math.max(1, Math.floor(memoryBytes / 2 ** 20));
    added.CUDA_MPS_PINNED_DEVICE_MEM_LIMIT = `0=${mebibytes}M`;
  }
  return added;
}
