import type { Lane } from '../batching/lanes.ts';
import type { RunOutcome } from '../engines/engine.ts';
import type { DnnScalerError } from '../errors.ts';

/** The engine call that answered a request. */
export interface AnsweringCall {
  /** When an instance began with it. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly rows: number;
}

/** Called once per request: with the reply and the call it came from, or with the error. */
export type Settle<Reply> = (
  error: DnnScalerError | null,
  reply: Reply | undefined,
  call: AnsweringCall | undefined,
) => void;

export interface SubmitOptions {
  /** When the request is no longer worth running, by the clock; never when left out. */
  readonly expiresMs?: number;
}

export interface PendingRequest<Row, Reply> {
  readonly row: Row;
  readonly arrivalMs: number;
  readonly expiresMs: number;
  readonly settle: Settle<Reply>;
  dropped: boolean;
  /** Where it waits; undefined once it has been dispatched. */
  lane: Lane<PendingRequest<Row, Reply>> | undefined;
}

/** A batch on its way through the engine. */
export interface Batch<Row, Reply> {
  readonly requests: readonly PendingRequest<Row, Reply>[];
  /** The batcher's epoch when it was formed; it rises whenever the operating point changes. */
  readonly epoch: number;
  /** Instances that died under these requests so far. */
  readonly deaths: number;
  /** Whether it was handed over ahead of time. */
  readonly hasWaited: boolean;
  /** When an instance began with it; undefined while it waits at one that runs another. */
  startedMs: number | undefined;
}

/** Told of every batch that ended for good, before its requests are settled if not said otherwise. */
export interface BatchListener<Row, Reply> {
  onAnswered(batch: Batch<Row, Reply>, call: AnsweringCall): void;
  onFailed(batch: Batch<Row, Reply>, error: DnnScalerError): void;
  /** A batch was answered, and its requests are settled: for all that they need not wait for. */
  onReplied?(call: AnsweringCall): void;
}

/**
 * When an instance began with a batch. For one that waited the engine may tell better than the moment
 * at which this thread came to hear of the run before it.
 */
export function startOf<Row, Reply>(
  { hasWaited, startedMs }: Batch<Row, Reply>,
  outcome: RunOutcome<Reply>,
  endedMs: number,
): number {
  if (hasWaited && outcome.kind === 'done' && outcome.runMs !== undefined) {
    return endedMs - outcome.runMs;
  }
  return startedMs ?? endedMs;
}
