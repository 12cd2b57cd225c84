import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { invalidArgument } from '../../errors.ts';
import { paperLimits } from '../../operating-point.ts';
import type { Row } from '../../tensor/row.ts';
import { readMachine } from '../machine.ts';
import { providers } from './providers.ts';
import type { Provider } from './providers.ts';

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
   * Intra-operator threads of each instance, from 1. `auto` (the default) shares the cores out:
   * cores / instances, at least 1. Providers other than the CPU's take 1 for `auto`.
   */
  readonly threadsPerInstance?: number | 'auto';
  /** From 1; default 10 (the paper's range), and on the CPU no more than its cores. */
  readonly maxInstances?: number;
  /** From 1; default 128 (the paper's range). A model may allow less. */
  readonly maxBatchSize?: number;
  /**
   * Dimensions of inputs that the model leaves open, by input name, batch position included
   * (`{ x: [1, 3, 224, 224] }`); what stands at the batch position does not matter.
   */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /**
   * A row the model accepts, for warm-up runs and to check that rows of a batch do not mix.
   * Needed only by models that reject made-up values, such as ones that look rows up in a table.
   */
  readonly sampleRow?: Row;
  /** A run that takes longer is taken for hung. Default 60 s: large batches on few cores are slow. */
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

/** Options with every default filled in, and checked. */
export type ResolvedOptions = Required<Omit<OnnxEngineOptions, 'sampleRow'>> & {
  readonly sampleRow: Row | undefined;
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
  return {
    modelPath: options.modelPath,
    provider,
    isolation: oneOf('isolation', options.isolation ?? (onCpu ? 'thread' : 'process'), [
      'thread',
      'process',
    ]),
    threadsPerInstance:
      threads === 'auto' ? threads : positiveInteger('threadsPerInstance', threads),
    maxInstances: positiveInteger('maxInstances', options.maxInstances ?? mostInstances),
    maxInstancesByDefault: options.maxInstances === undefined,
    maxBatchSize: positiveInteger('maxBatchSize', options.maxBatchSize ?? paperLimits.maxBatchSize),
    shapes: options.shapes ?? {},
    sampleRow: options.sampleRow,
    runLimitMs: positiveMs('runLimitMs', options.runLimitMs ?? 60_000),
    loadLimitMs: positiveMs('loadLimitMs', options.loadLimitMs ?? 120_000),
    closeLimitMs: positiveMs('closeLimitMs', options.closeLimitMs ?? 10_000),
    firstBackoffMs: positiveMs('firstBackoffMs', options.firstBackoffMs ?? 100),
    maxBackoffMs: positiveMs('maxBackoffMs', options.maxBackoffMs ?? 30_000),
    cores,
    seed: options.seed ?? 1,
    clock: options.clock ?? systemClock,
  };
}

function oneOf<T extends string>(what: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw invalidArgument(what, `must be one of ${allowed.join(', ')}`, value);
}

function positiveInteger(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw invalidArgument(what, 'must be an integer of at least 1', value);
}

function positiveMs(what: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw invalidArgument(what, 'must be a positive number of milliseconds', value);
}
