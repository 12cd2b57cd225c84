import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { invalidArgument } from '../../errors.ts';
import { paperLimits } from '../../operating-point.ts';
import type { Row } from '../../tensor/row.ts';
import { readMachine } from '../machine.ts';
import { providers } from './providers.ts';
import type { Provider } from './providers.ts';

/** GPU memory as a share of what the GPU has (above 0, at most 1), or in bytes. */
export type MemoryShare = { readonly fraction: number } | { readonly bytes: number };

/** How instances are kept apart: worker threads of this process, or processes of their own. */
export type Isolation = 'thread' | 'process';

export interface OnnxEngineOptions {
  /** The ONNX file. External data files are found beside it. */
  readonly modelPath: string;
  /** Default `cpu`. */
  readonly provider?: Provider;
  /**
   * Default `thread` on the CPU, where batches travel at almost no cost, and `process` on every
   * other provider. A hung run can be killed only in a process.
   */
  readonly isolation?: Isolation;
  /**
   * The GPU to use, from 0: for `cuda` and `tensorrt` in the order of nvidia-smi, among those that
   * CUDA_VISIBLE_DEVICES lets through; for `dml` in the order of the adapters. Other providers
   * choose for themselves.
   */
  readonly device?: number;
  /**
   * GPU memory that each instance may take, with `cuda` and `tensorrt`. Bounds how many instances
   * there are; MPS, where it runs, enforces it. Default: as much as it needs.
   */
  readonly memoryPerInstance?: MemoryShare;
  /**
   * With `cuda` and `tensorrt` and several process instances: `auto` (the default) starts CUDA's
   * Multi-Process Service for them where it does not run and can be started; `off` never does.
   */
  readonly mps?: 'auto' | 'off';
  /**
   * Intra-operator threads of each instance, from 1. `auto` (the default) shares the cores out:
   * cores / instances, at least 1. Providers other than the CPU's take 1 for `auto`.
   */
  readonly threadsPerInstance?: number | 'auto';
  /** 1..256; default 10 (the paper's range), and on the CPU no more than its cores. */
  readonly maxInstances?: number;
  /** 1..8192; default 128 (the paper's range). A model may allow less. */
  readonly maxBatchSize?: number;
  /**
   * Dimensions of inputs that the model leaves open, by input name, batch position included
   * (`{ x: [1, 3, 224, 224] }`); what stands at the batch position does not matter.
   */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /**
   * What becomes of `shapes` for inputs that the model has not: `refused` (the default), or `ignored`
   * with a note, for shapes that were given for several models at once.
   */
  readonly foreignShapes?: 'refused' | 'ignored';
  /**
   * A row the model accepts, for warm-up runs and to check that rows of a batch do not mix.
   * Needed only by models that reject made-up values, such as ones that look rows up in a table.
   */
  readonly sampleRow?: Row;
  /**
   * A run that takes longer is taken for hung. Default 60 s: large batches on few cores are
   * slow. TensorRT has 10 minutes for runs and loading: it builds an engine for each new size.
   */
  readonly runLimitMs?: number;
  /** The same for loading the model into one instance. Default 120 s. */
  readonly loadLimitMs?: number;
  /** How long `close` waits for runs to end. Default 10 s. */
  readonly closeLimitMs?: number;
  /** Pause before an instance that died is replaced; doubles with each failure. Default 100 ms. */
  readonly firstBackoffMs?: number;
  /** The longest such pause. Default 30 s. */
  readonly maxBackoffMs?: number;
  /** Cores to share out, from 1. Default: what the machine and its cgroups grant. */
  readonly cores?: number;
  /** Seed of the made-up rows. Default 1. */
  readonly seed?: number;
  readonly clock?: Clock;
}

/** No machine has use for more, and what is known of each point would not fit into memory. */
const mostKnobs = { instances: 256, batchSize: 8192 };

/** Options with every default filled in, and checked. */
type Optional = 'sampleRow' | 'device' | 'memoryPerInstance';

export type ResolvedOptions = Required<Omit<OnnxEngineOptions, Optional>> & {
  readonly sampleRow: Row | undefined;
  readonly device: number | undefined;
  readonly memoryPerInstance: MemoryShare | undefined;
  /** True when the caller left the count of instances to us. */
  readonly maxInstancesByDefault: boolean;
};

/** @throws DnnScalerError `invalid-argument` for an option outside its range */
export function resolveOptions(options: OnnxEngineOptions): ResolvedOptions {
  const provider = oneOf('provider', options.provider ?? 'cpu', providers);
  const onCpu = provider === 'cpu';
  const cores = positiveInteger('cores', options.cores ?? readMachine().cores);
  const mostInstances = onCpu
    ? Math.min(paperLimits.maxInstances, cores)
    : paperLimits.maxInstances;
  const threads = options.threadsPerInstance ?? 'auto';
  const slow = provider === 'tensorrt' ? 600_000 : undefined;
  return {
    modelPath: options.modelPath,
    provider,
    isolation: isolationFor(provider, options.isolation),
    device: deviceFor(provider, options.device),
    memoryPerInstance: memoryFor(provider, options.memoryPerInstance),
    mps: oneOf('mps', options.mps ?? 'auto', ['auto', 'off']),
    threadsPerInstance:
      threads === 'auto' ? threads : positiveInteger('threadsPerInstance', threads),
    maxInstances: upTo(mostKnobs.instances, 'maxInstances', options.maxInstances ?? mostInstances),
    maxInstancesByDefault: options.maxInstances === undefined,
    maxBatchSize: upTo(
      mostKnobs.batchSize,
      'maxBatchSize',
      options.maxBatchSize ?? paperLimits.maxBatchSize,
    ),
    shapes: options.shapes ?? {},
    foreignShapes: oneOf('foreignShapes', options.foreignShapes ?? 'refused', [
      'refused',
      'ignored',
    ]),
    sampleRow: options.sampleRow,
    runLimitMs: positiveMs('runLimitMs', options.runLimitMs ?? slow ?? 60_000),
    loadLimitMs: positiveMs('loadLimitMs', options.loadLimitMs ?? slow ?? 120_000),
    closeLimitMs: positiveMs('closeLimitMs', options.closeLimitMs ?? 10_000),
    firstBackoffMs: positiveMs('firstBackoffMs', options.firstBackoffMs ?? 100),
    maxBackoffMs: positiveMs('maxBackoffMs', options.maxBackoffMs ?? 30_000),
    cores,
    seed: options.seed ?? 1,
    clock: options.clock ?? systemClock,
  };
}

function isolationFor(provider: Provider, given: Isolation | undefined): Isolation {
  const isolation = oneOf('isolation', given ?? (provider === 'cpu' ? 'thread' : 'process'), [
    'thread',
    'process',
  ]);
  if (provider === 'webgpu' && isolation === 'thread') {
    // onnxruntime-node 1.30.0: two sessions at once in one process end it with a segmentation fault.
    const rule = 'must be process with webgpu, which allows one session in a process';
    throw invalidArgument('isolation', rule, isolation);
  }
  return isolation;
}

function deviceFor(provider: Provider, device: number | undefined): number | undefined {
  if (device === undefined) return undefined;
  if (!['cuda', 'tensorrt', 'dml'].includes(provider)) {
    const rule = 'can be chosen with the providers cuda, tensorrt and dml only';
    throw invalidArgument('the device', rule, `${device} with ${provider}`);
  }
  if (Number.isSafeInteger(device) && device >= 0) return device;
  throw invalidArgument('the device', 'must be an integer of at least 0', device);
}

function memoryFor(provider: Provider, share: MemoryShare | undefined): MemoryShare | undefined {
  if (share === undefined) return undefined;
  if (provider !== 'cuda' && provider !== 'tensorrt') {
    const rule = 'can be limited with the providers cuda and tensorrt only';
    throw invalidArgument('memory per instance', rule, provider);
  }
  if ('bytes' in share) return { bytes: positiveInteger('memory per instance', share.bytes) };
  const { fraction } = share;
  if (fraction > 0 && fraction <= 1) return share;
  throw invalidArgument('memory per instance', 'must be a share above 0 and up to 1', fraction);
}

function oneOf<T extends string>(what: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw invalidArgument(what, `must be one of ${allowed.join(', ')}`, value);
}

function positiveInteger(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw invalidArgument(what, 'must be an integer of at least 1', value);
}

function upTo(most: number, what: string, value: number): number {
  if (positiveInteger(what, value) <= most) return value;
  throw invalidArgument(what, `must be at most ${most}`, value);
}

function positiveMs(what: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw invalidArgument(what, 'must be a positive number of milliseconds', value);
}
