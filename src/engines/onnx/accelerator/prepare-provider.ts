import type { ErrorCode } from '../../../errors.ts';
import { DnnScalerError, invalidArgument, toDnnScalerError } from '../../../errors.ts';
import { visibleDevices } from '../../../telemetry/power/visible-devices.ts';
import { formatBytes } from '../../../units.ts';
import type { ResolvedOptions } from '../options.ts';
import type { Host } from './host.ts';
import { instanceEnvironment } from './instance-environment.ts';
import { ownMps } from './mps.ts';
import { searchLibraries } from './library-search.ts';
import { listNvidiaGpus, mpsRuns, oldestDriverFor } from './nvidia.ts';
import type { NvidiaGpu } from './nvidia.ts';
import { providerNeeds, requireNeeds } from './provider-check.ts';

/** What is known of a provider before the first instance starts. */
export interface PreparedProvider {
  /** Variables that process instances get beside those of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Instances that the GPU's memory has room for; Infinity where no limit was given. */
  readonly maxInstances: number;
  /** Whether MPS was started for the instances. */
  readonly hasOwnMps: boolean;
  /** For people. */
  readonly notes: readonly string[];
}

type Wanted = Pick<
  ResolvedOptions,
  'provider' | 'isolation' | 'device' | 'memoryPerInstance' | 'maxInstances' | 'mps'
>;

/** Starts a daemon of MPS, and tells what an instance's environment needs to find it. */
type StartMps = typeof ownMps;

/**
 * Checks that a provider's libraries, driver and GPU are there, works out how its instances are to be
 * started, and starts MPS for them where that is left to us.
 *
 * @throws DnnScalerError `unavailable` with one sentence on what is missing and how to get it;
 *   `invalid-argument` for a GPU that is not there or more memory than it has
 */
export async function prepareProvider(
  wanted: Wanted,
  host: Host,
  startMps: StartMps = ownMps,
): Promise<PreparedProvider> {
  const { provider, isolation, device } = wanted;
  if (provider === 'cpu')
    return {
      environment: {},
      maxInstances: Number.POSITIVE_INFINITY,
      hasOwnMps: false,
      notes: [],
    };
  const needs = providerNeeds(provider, host, await searchLibraries(host), isolation === 'thread');
  requireNeeds(provider, needs);
  const usesCuda = provider === 'cuda' || provider === 'tensorrt';
  const gpus = usesCuda ? await listNvidiaGpus(host) : undefined;
  const gpu = gpus === undefined ? undefined : chooseGpu(gpus, host, device);
  if (gpu !== undefined) requireDriver(gpu, needs.cudaMajor);
  const memoryBytes = memoryLimit(wanted, gpu);
  const maxInstances = roomFor(memoryBytes, wanted, gpu);
  const several = Math.min(maxInstances, wanted.maxInstances) > 1;
  const sharing: Sharing =
    usesCuda && several ? await share(wanted, host, startMps) : existing(host);
  const notes = [...sharing.notes];
  if (memoryBytes !== undefined) notes.push(memoryNote(memoryBytes, sharing.mps !== 'none'));
  const environment = instanceEnvironment({
    provider,
    environment: host.environment,
    found: needs.found,
    device,
    memoryBytes,
  });
  return {
    environment: { ...environment, ...sharing.environment },
    hasOwnMps: sharing.mps === 'ours',
    ...{ maxInstances, notes },
  };
}

/** Faults of loading a model that a missing or wrong file would not give. */
const faultsOfMps: readonly ErrorCode[] = ['unavailable', 'internal', 'resource-exhausted'];

/**
 * Prepares a provider and opens something with it. Where that fails with an MPS of our own, it is tried
 * once more without: on some machines, as under WSL and in some containers, its daemon starts and serves
 * nobody.
 *
 * @throws DnnScalerError as `prepareProvider` and `open` do
 */
export async function openPrepared<T>(
  wanted: Wanted,
  host: Host,
  open: (prepared: PreparedProvider) => Promise<T>,
  startMps?: StartMps,
): Promise<T> {
  const prepared = await prepareProvider(wanted, host, startMps);
  try {
    return await open(prepared);
  } catch (thrown) {
    const { code, message } = toDnnScalerError(thrown);
    if (!prepared.hasOwnMps || !faultsOfMps.includes(code)) throw thrown;
    const without = await prepareProvider({ ...wanted, mps: 'off' }, host);
    const note = `CUDA MPS was started and could not be used (${message})`;
    return open({ ...without, notes: [note, ...without.notes] });
  }
}

/** How several instances share the GPU: side by side with MPS, in turns without. */
interface Sharing {
  readonly mps: 'ours' | 'running' | 'none';
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** What there is without our doing. */
function existing(host: Host): Sharing {
  return { mps: mpsRuns(host) ? 'running' : 'none', environment: {}, notes: [] };
}

async function share({ isolation, mps }: Wanted, host: Host, startMps: StartMps): Promise<Sharing> {
  // Threads share one context, whose kernels run side by side anyway.
  const found = existing(host);
  if (found.mps === 'running' || isolation === 'thread') return found;
  const without = (why: string): Sharing => ({
    ...{ mps: 'none', environment: {} },
    notes: [`CUDA MPS does not run${why}, so instances take turns on the GPU`],
  });
  if (mps === 'off') return without('');
  try {
    const environment = await startMps();
    return { mps: 'ours', environment, notes: ['CUDA MPS was started for the instances'] };
  } catch (thrown) {
    return without(` and cannot be started (${toDnnScalerError(thrown).message})`);
  }
}

function chooseGpu(
  gpus: readonly NvidiaGpu[],
  host: Host,
  device: number | undefined,
): NvidiaGpu | undefined {
  if (gpus.length === 0) {
    throw new DnnScalerError('unavailable', 'nvidia-smi finds the driver, and no GPU');
  }
  const visible = visibleDevices(host.environment.CUDA_VISIBLE_DEVICES);
  const seen = visible ?? gpus.map(({ index }) => `${index}`);
  const wanted = seen[device ?? 0];
  if (wanted === undefined) {
    const counted =
      visible === undefined ? 'nvidia-smi lists' : 'CUDA_VISIBLE_DEVICES lets through';
    const rule = `must be below ${seen.length}, the number of GPUs that ${counted}`;
    throw invalidArgument('the device', rule, device ?? 0);
  }
  return gpus.find(({ index, uuid }) => `${index}` === wanted || uuid.startsWith(wanted));
}

function requireDriver({ driver }: NvidiaGpu, cudaMajor: number | undefined): void {
  const oldest = cudaMajor === undefined ? undefined : oldestDriverFor(cudaMajor);
  const major = Number.parseInt(driver, 10);
  if (oldest === undefined || !(major < oldest)) return;
  throw new DnnScalerError(
    'unavailable',
    `the NVIDIA driver is ${driver}, and these provider libraries are for CUDA ${cudaMajor}, which needs ${oldest} or later; update the driver, or take provider libraries for an earlier CUDA`,
  );
}

/** GPU memory for each instance, in bytes; undefined without a limit. */
function memoryLimit(
  { memoryPerInstance }: Wanted,
  gpu: NvidiaGpu | undefined,
): number | undefined {
  if (memoryPerInstance === undefined) return undefined;
  const total = gpu?.memoryBytes;
  if ('bytes' in memoryPerInstance) {
    const { bytes } = memoryPerInstance;
    if (total !== undefined && bytes > total) {
      const rule = `must be at most the GPU's ${formatBytes(total)}`;
      throw invalidArgument('memory per instance', rule, formatBytes(bytes));
    }
    return bytes;
  }
  if (total !== undefined) return Math.floor(memoryPerInstance.fraction * total);
  throw new DnnScalerError(
    'unavailable',
    'memory per instance as a fraction needs nvidia-smi, which does not tell how much memory the GPU has; give it in bytes, such as 2GiB',
  );
}

function roomFor(
  memoryBytes: number | undefined,
  { memoryPerInstance }: Wanted,
  gpu: NvidiaGpu | undefined,
): number {
  if (memoryPerInstance === undefined || memoryBytes === undefined) return Number.POSITIVE_INFINITY;
  // Ten instances of a tenth each fit, whatever the last digit of ten tenths is.
  const share = 'fraction' in memoryPerInstance ? memoryPerInstance.fraction : undefined;
  if (share !== undefined) return Math.max(1, Math.floor(1 / share + 1e-9));
  const total = gpu?.memoryBytes ?? Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(total / memoryBytes));
}

function memoryNote(memoryBytes: number, mps: boolean): string {
  const limit = `${formatBytes(memoryBytes)} of GPU memory for each instance`;
  if (mps) return `${limit}, which MPS enforces`;
  return `${limit} bounds how many there are; nothing enforces it, since onnxruntime-node passes no limit on to CUDA and MPS is not running`;
}
