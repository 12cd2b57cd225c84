import type { DnnScalerError } from '../errors.ts';
import type { KnobLimits, OperatingPoint } from '../operating-point.ts';

/** What an engine can do with one model on this machine. */
export interface EngineLimits extends KnobLimits {
  /** Why the limits are what they are, in sentences for people ("the batch dimension is fixed at 1"). */
  readonly notes: readonly string[];
}

export type EngineHealth =
  | { readonly ready: true; readonly message?: string }
  | { readonly ready: false; readonly message: string };

/** Told by an engine when something changes on its own account. */
export interface EngineListener {
  /** An instance became free, was added or came back: batches may be dispatched. */
  onCapacity(): void;
  onHealth(health: EngineHealth): void;
}

/** The replies of one call, row by row; `replyAt` may be called once per row. */
export interface BatchReplies<Reply> {
  replyAt(index: number): Reply;
}

/**
 * How an engine call ended.
 * - `done`: every row has its reply.
 * - `failed`: the model rejected this batch; the instance lives on.
 * - `instance-lost`: the instance died under this batch, or holds it up, so the rows may run again
 *   elsewhere.
 * - `timed-out`: the call passed its limit and will not be awaited; running it again may hang again.
 */
export type RunOutcome<Reply> =
  | {
      readonly kind: 'done';
      readonly replies: BatchReplies<Reply>;
      /** What the run itself took, in ms, where the engine knows. */
      readonly runMs?: number;
    }
  | { readonly kind: 'failed' | 'instance-lost' | 'timed-out'; readonly error: DnnScalerError };

/**
 * Something that runs inference on batches and can be resized. Embedded, remote and simulated
 * engines are the same thing to the layers above.
 *
 * The contract is callback-based so that the core path makes no promise per call, and so that a
 * simulated engine stays synchronous with its virtual clock. Callbacks may come before the call
 * that set them off returns.
 */
export interface Engine<RowIn = unknown, Reply = unknown> {
  /** For people, such as `onnxruntime cpu, threads`. */
  readonly name: string;
  /** True when figures come from a model of a machine rather than from one. */
  readonly simulated: boolean;
  readonly limits: EngineLimits;
  /** Instances that could start a batch now. */
  readonly freeInstances: number;
  /**
   * Batches that could be handed over ahead of time while no instance is free: each waits at an
   * instance that runs, which then goes on without a pause. Absent for an engine that takes none.
   */
  readonly prefetchRoom?: number;

  /** Rows whose keys differ cannot share a batch; absent where all rows can. */
  readonly batchKey?: ((row: RowIn) => string) | undefined;

  /** Sets the one listener. */
  listen(listener: EngineListener): void;

  /**
   * Moves to the point, draining what is taken away: no batch is cut short. `done` gets the point
   * really reached, which may be less (memory, an asynchronous cluster), or the error that left
   * the engine where `reached` says. One call at a time.
   */
  apply(
    point: OperatingPoint,
    done: (error: DnnScalerError | null, reached: OperatingPoint) => void,
  ): void;

  /**
   * Runs one batch of 1 to `maxBatchSize` rows on a free instance; call only while
   * `freeInstances > 0`, or `prefetchRoom > 0`. `done` is called exactly once; the rows have to stay
   * as they are until then.
   *
   * @param started called when a batch that was handed over ahead of time begins to run; it does not
   *   where its instance is lost before
   */
  run(
    rows: readonly RowIn[],
    done: (outcome: RunOutcome<Reply>) => void,
    started?: () => void,
  ): void;

  /** Drains and releases everything; safe to call twice. */
  close(): Promise<void>;
}
