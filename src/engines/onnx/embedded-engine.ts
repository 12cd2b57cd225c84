import { invalidArgument, toDnnScalerError } from '../../errors.ts';
import type { DnnScalerError } from '../../errors.ts';
import { clampPoint } from '../../operating-point.ts';
import type { OperatingPoint } from '../../operating-point.ts';
import type { ModelSignature, Row } from '../../tensor/row.ts';
import type { Engine, EngineLimits, EngineListener, RunOutcome } from '../engine.ts';
import { availableMemoryBytes } from '../machine.ts';
import { batchBytes, listBatch, packBatch, splitReplies } from './batch.ts';
import { BufferPool } from './buffer-pool.ts';
import type { Instance, InstanceListener } from './instance.ts';
import type { InputTensorLayout, TensorLayout } from './model-layout.ts';
import type { Isolation, ResolvedOptions } from './options.ts';
import { Pool } from './pool.ts';
import type { RunEnd } from './pool.ts';
import type { InstanceStatus } from './roster.ts';
import type { PoolTarget } from './pool-plan.ts';
import type { ModelLayout } from './probe.ts';
import { mostRuns } from './protocol.ts';
import type { RunBatch, SessionConfig } from './protocol.ts';
import { keepsKernelsOfAllSizes } from './providers.ts';
import { startObstacle } from './start-obstacle.ts';
import type { Watchdog } from './watchdog.ts';

/** What a model takes and gives, and which of it comes in batches. */
export interface OnnxSignature extends ModelSignature {
  readonly inputs: readonly InputTensorLayout[];
  readonly outputs: readonly TensorLayout[];
}

/** A model that has been loaded once and looked at. */
export interface OpenedModel {
  readonly options: ResolvedOptions;
  readonly model: ModelLayout;
  readonly modelBytes: number;
  readonly start: (config: SessionConfig, listener: InstanceListener) => Instance;
  readonly instance: Instance;
  readonly watchdog: Watchdog;
  /** On the provider, for people. */
  readonly notes: readonly string[];
}

/** Rows smaller than this are gathered: to write many small pieces costs more than to copy them. */
const leastListedBytes = 16 * 1024;

/** The embedded engine: ONNX Runtime in threads of this process, or in processes of its own. */
export class OnnxEngine implements Engine<Row, Row> {
  readonly name: string;
  readonly simulated = false;
  readonly limits: EngineLimits;
  readonly isolation: Isolation;
  readonly signature: OnnxSignature;
  /** A row that the model accepts, made up unless one was given. */
  readonly knownGoodRow: Row;
  readonly batchKey: ((row: Row) => string) | undefined;
  readonly #options: ResolvedOptions;
  readonly #model: ModelLayout;
  readonly #buffers: BufferPool;
  readonly #pool: Pool;
  readonly #watchdog: Watchdog;
  /** Whether batches go to their instance without being gathered. */
  readonly #listsRows: boolean;
  #listener: EngineListener | undefined;
  #closing: Promise<void> | undefined;

  constructor({ options, model, modelBytes, start, instance, watchdog, notes }: OpenedModel) {
    this.name = `onnxruntime ${options.provider}, ${options.isolation === 'thread' ? 'threads' : 'processes'}`;
    this.limits = engineLimits(options, model, notes);
    this.isolation = options.isolation;
    this.signature = { inputs: model.inputs, outputs: model.outputs };
    this.knownGoodRow = model.knownGood;
    this.batchKey = keyOfOpenDims(model.inputs);
    this.#options = options;
    this.#model = model;
    this.#watchdog = watchdog;
    this.#buffers = new BufferPool(mostRuns * this.limits.maxInstances);
    this.#listsRows =
      options.isolation === 'process' && batchBytes(model.inputs, 1) >= leastListedBytes;
    const keepsSizes = keepsKernelsOfAllSizes(options.provider);
    const target = this.#targetOf({ batchSize: this.limits.minBatchSize, instances: 1 });
    this.#pool = new Pool(
      {
        start,
        warmUpBatch: (batchSize) => this.#pack([model.knownGood], batchSize),
        recycle: (buffer) => this.#buffers.give(buffer),
        keepsSizes,
        obstacle: (loading, hung) =>
          startObstacle({
            modelBytes,
            loading,
            hung,
            cores: options.cores,
            availableBytes: availableMemoryBytes(),
          }),
        maxLoading: options.cores,
        firstBackoffMs: options.firstBackoffMs,
        maxBackoffMs: options.maxBackoffMs,
        closeLimitMs: options.closeLimitMs,
        clock: options.clock,
        onCapacity: () => this.#listener?.onCapacity(),
        onHealth: (health) => this.#listener?.onHealth(health),
      },
      target,
    );
    this.#pool.adopt(instance, [target.batchSize]);
    this.#sizeBuffers();
  }

  get freeInstances(): number {
    return this.#pool.freeInstances;
  }

  get prefetchRoom(): number {
    return this.#pool.prefetchRoom;
  }

  /** The point in effect; while a change is under way, the one aimed at. */
  get point(): OperatingPoint {
    const { batchSize, instances, config } = this.#pool.target;
    if (this.#options.provider !== 'cpu') return { batchSize, instances };
    return { batchSize, instances, threadsPerInstance: config.threads };
  }

  /** Every instance there is, those on their way in or out included. */
  get instances(): readonly InstanceStatus[] {
    return this.#pool.instances;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  apply(
    point: OperatingPoint,
    done: (error: DnnScalerError | null, reached: OperatingPoint) => void,
  ): void {
    this.#pool.apply(this.#targetOf(clampPoint(point, this.limits)), (error) => {
      this.#sizeBuffers();
      done(error, this.point);
    });
  }

  run(rows: readonly Row[], done: (outcome: RunOutcome<Row>) => void, started?: () => void): void {
    const { maxBatchSize } = this.limits;
    if (rows.length < 1 || rows.length > maxBatchSize) {
      const error = invalidArgument('a batch', `must have 1 to ${maxBatchSize} rows`, rows.length);
      done({ kind: 'failed', error });
      return;
    }
    const size = this.#warmSize(rows.length);
    let batch: RunBatch;
    try {
      batch = this.#pack(rows, size);
    } catch (thrown) {
      // Rows that `validateRow` would have refused: of another length, or another type.
      done({ kind: 'failed', error: toDnnScalerError(thrown, 'invalid-argument') });
      return;
    }
    this.#pool.run(batch, (outcome) => done(this.#repliesOf(outcome, size)), started);
  }

  /**
   * Drains and releases everything, within about `closeLimitMs`; safe to call twice. A thread that
   * hangs stays, as `instances` shows, and then neither `process.exit` nor the end of the program
   * ends this process, since both wait for the thread: send it SIGKILL when its work is done.
   */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#pool.close(() => {
        this.#watchdog.close();
        this.#listener?.onHealth({ ready: false, message: 'the engine is closed' });
        resolve();
      });
    });
    return this.#closing;
  }

  #repliesOf(outcome: RunEnd, size: number): RunOutcome<Row> {
    if (outcome.kind !== 'done') return outcome;
    const { tensors, buffer, runMs } = outcome;
    try {
      const replies = splitReplies(this.#model.outputs, tensors, buffer, size);
      return { kind: 'done', replies, runMs };
    } catch (thrown) {
      return { kind: 'failed', error: thrown as DnnScalerError };
    }
  }

  #pack(rows: readonly Row[], size: number): RunBatch {
    if (this.#listsRows) return listBatch(this.#model.inputs, rows, size);
    return packBatch(this.#model.inputs, rows, size, (bytes) => this.#buffers.take(bytes));
  }

  /** Rows of the run that a batch of so many rows becomes. */
  #runSize(rows: number): number {
    const { rowsPerRun } = this.#model;
    return rowsPerRun === 'any' ? rows : rowsPerRun;
  }

  /**
   * The same on a GPU, where a run of another size is slow (kernels are chosen or compiled for it):
   * a batch that is not full is filled up to a size that the instance is warm for.
   */
  #warmSize(rows: number): number {
    const size = this.#runSize(rows);
    const fixed = this.#options.provider === 'cpu' || this.#model.rowsPerRun !== 'any';
    return fixed ? size : this.#pool.warmSizeFor(size);
  }

  #sizeBuffers(): void {
    const rows = this.#runSize(this.#pool.target.batchSize);
    this.#buffers.resize(batchBytes(this.#model.inputs, rows));
  }

  #targetOf(point: OperatingPoint): PoolTarget {
    const { batchSize, instances } = point;
    // Where fewer can be started, each is due a larger share of the cores.
    const configOf = (count: number): SessionConfig =>
      sessionConfig(this.#options, { ...point, instances: count });
    return { batchSize, instances, config: configOf(instances), configOf };
  }
}

/** Rows share a batch where they agree on the dimensions that the model leaves open. */
function keyOfOpenDims(inputs: readonly InputTensorLayout[]): ((row: Row) => string) | undefined {
  const open = inputs.flatMap(({ declaredDims }, index) =>
    declaredDims.includes(-1) ? [index] : [],
  );
  if (open.length === 0) return undefined;
  return (row) => open.map((index) => row[index]?.dims.join('x')).join(' ');
}

/** Threads of the point if it names them, else of the options, else an even share of the cores. */
export function sessionConfig(
  { provider, cores, threadsPerInstance, isolation, device }: ResolvedOptions,
  point: Pick<OperatingPoint, 'instances' | 'threadsPerInstance'>,
): SessionConfig {
  if (provider !== 'cpu') {
    const threads = threadsPerInstance === 'auto' ? 1 : threadsPerInstance;
    // A process sees the one GPU that its environment names; a thread sees what this process sees.
    const all = device !== undefined && (isolation === 'thread' || provider === 'dml');
    return { provider, threads, spinning: true, ...(all && { deviceId: device }) };
  }
  const share = Math.max(1, Math.floor(cores / point.instances));
  const wanted =
    point.threadsPerInstance ?? (threadsPerInstance === 'auto' ? share : threadsPerInstance);
  const threads = Math.max(1, Math.floor(wanted));
  // Threads that spin while idle take the cores from the other instances.
  return { provider, threads, spinning: threads === 1 || point.instances === 1 };
}

function engineLimits(
  options: ResolvedOptions,
  model: ModelLayout,
  providerNotes: readonly string[],
): EngineLimits {
  const { maxInstances, cores } = options;
  const notes = [...providerNotes, ...model.notes];
  if (options.provider === 'cpu' && options.maxInstancesByDefault && maxInstances === cores) {
    const subject = cores === 1 ? 'the 1 core' : `the ${cores} cores`;
    notes.push(`instances go up to ${subject} of this machine`);
  }
  const { rowsPerRun } = model;
  if (rowsPerRun === 'any') {
    return { minBatchSize: 1, maxBatchSize: options.maxBatchSize, maxInstances, notes };
  }
  return { minBatchSize: rowsPerRun, maxBatchSize: rowsPerRun, maxInstances, notes };
}
