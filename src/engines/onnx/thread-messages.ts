import type { FromInstance, PackedTensor, ToInstance } from './protocol.ts';

/**
 * What the engine's side of a thread posts. One without a message is a run whose tensors lie as those
 * of the run before: cloning a description takes longer than all else about a short call.
 */
export interface ToThread {
  readonly message?: ToInstance;
  readonly payload?: ArrayBuffer;
}

/** What a thread posts; without a message, a run whose outputs lie as those of the run before. */
export interface FromThread {
  readonly message?: FromInstance;
  readonly runMs?: number;
  readonly payload?: ArrayBuffer | undefined;
  readonly returned?: ArrayBuffer | undefined;
}

/** Whether both describe the same stretches of a buffer; strings never do. */
export function liesTheSame(a: readonly PackedTensor[], b: readonly PackedTensor[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index] as PackedTensor;
      return (
        !('strings' in one) &&
        !('strings' in other) &&
        one.byteOffset === other.byteOffset &&
        one.byteLength === other.byteLength &&
        one.dims.length === other.dims.length &&
        one.dims.every((size, axis) => size === other.dims[axis])
      );
    })
  );
}
