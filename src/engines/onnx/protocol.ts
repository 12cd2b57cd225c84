import type { ErrorCode } from '../../errors.ts';
import type { Provider } from './providers.ts';

/** How one session is to be made; instances whose configurations are equal are interchangeable. */
export interface SessionConfig {
  readonly provider: Provider;
  /** Number of the GPU among those that the session can see; the first without one. */
  readonly deviceId?: number;
  /** Intra-operator threads, from 1. */
  readonly threads: number;
  /** Whether idle threads spin during a run (one instance), or sleep (several that share cores). */
  readonly spinning: boolean;
}

/** One input or output as the runtime describes it; `shape` holds sizes and names of open sizes. */
export interface ValueMetadata {
  readonly name: string;
  /** The runtime's name of the element type; undefined for sequences, maps and the like. */
  readonly type: string | undefined;
  readonly shape: readonly (number | string)[];
}

export interface ModelMetadata {
  readonly inputs: readonly ValueMetadata[];
  readonly outputs: readonly ValueMetadata[];
}

/** One tensor of a batch: a stretch of the batch's buffer, or strings. */
export type PackedTensor =
  | { readonly dims: readonly number[]; readonly byteOffset: number; readonly byteLength: number }
  | { readonly dims: readonly number[]; readonly strings: readonly string[] };

/** Tensors of one batch, in the model's order. Numeric ones lie in one buffer, which may be larger. */
export interface PackedBatch {
  readonly tensors: readonly PackedTensor[];
  readonly buffer: ArrayBuffer;
  /** Bytes of `buffer` in use, from its start. */
  readonly usedBytes: number;
}

/** The same with its bytes where the rows have them: pieces that follow one another, not gathered. */
export interface ListedBatch {
  readonly tensors: readonly PackedTensor[];
  readonly pieces: readonly Uint8Array[];
  /** Bytes of all pieces. */
  readonly usedBytes: number;
}

/** What an instance can be given to run. */
export type RunBatch = PackedBatch | ListedBatch;

/** Bytes that travel with a message, in one buffer. */
export type BufferPayload = Pick<PackedBatch, 'buffer' | 'usedBytes'>;

/** Bytes that travel with a message. */
export type Payload = BufferPayload | Pick<ListedBatch, 'pieces' | 'usedBytes'>;

/** Batches that an instance holds at most: the one that it runs, and one that waits. */
export const mostRuns = 2;

/** To an instance. Holds nothing that JSON cannot carry; buffers travel as the payload. */
export type ToInstance =
  | { readonly kind: 'load'; readonly modelPath: string; readonly config: SessionConfig }
  /** With the inputs' payload. Asks for every output that is a tensor. */
  | { readonly kind: 'run'; readonly tensors: readonly PackedTensor[] }
  /** Comes when nothing runs; the instance frees its session, says so and ends. */
  | { readonly kind: 'release' };

/** Where a payload lies in the file that a process shares with the engine, in bytes. */
export interface StoredPayload {
  readonly position: number;
  readonly bytes: number;
}

/** A message as it travels between processes; its payload follows it unless it was stored. */
export type Framed<Message> = Message & { readonly stored?: StoredPayload };

/** From an instance. */
export type FromInstance =
  | { readonly kind: 'loaded'; readonly metadata: ModelMetadata }
  | { readonly kind: 'load-failed'; readonly code: ErrorCode; readonly message: string }
  /** With the outputs' payload. */
  | { readonly kind: 'ran'; readonly tensors: readonly PackedTensor[]; readonly runMs: number }
  | { readonly kind: 'run-failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'released' };
