import type { FromInstance, PackedTensor, ToInstance } from './protocol.ts';

/** What the engine's side of a thread posts. One without a message is a run laid out as the one before. */
export type ToThread =
  | { readonly message: ToInstance; readonly payload?: ArrayBuffer }
  | { readonly message?: undefined; readonly payload: ArrayBuffer };

/** What a thread posts. One without a message is a run whose outputs are laid out as those before. */
export type FromThread =
  | {
      readonly message: FromInstance;
      readonly payload?: ArrayBuffer | undefined;
      readonly returned?: ArrayBuffer | undefined;
    }
  | {
      readonly message?: undefined;
      readonly runMs: number;
      readonly payload: ArrayBuffer | undefined;
      readonly returned: ArrayBuffer | undefined;
    };

/**
 * How the tensors of the last message in one direction were laid out; kept at both ends, so that what is
 * the same again need not travel: cloning it takes longer than the rest of handing a small batch over.
 */
export class LastLayout {
  #tensors: readonly PackedTensor[] | undefined;

  /** @throws Error when there was none, or one with strings */
  get tensors(): readonly PackedTensor[] {
    if (this.#tensors === undefined) throw new Error('a layout was left out that is not known');
    return this.#tensors;
  }

  /** Whether these are laid out as those; tensors of strings never are. */
  equals(tensors: readonly PackedTensor[]): boolean {
    const last = this.#tensors;
    return (
      last?.length === tensors.length &&
      tensors.every((tensor, index) => isSamePlace(tensor, last[index] as PackedTensor))
    );
  }

  /** At the sender only once they have been sent. */
  remember(tensors: readonly PackedTensor[]): void {
    const hasStrings = tensors.some((tensor) => 'strings' in tensor);
    // Whoever gave the tensors may change them.
    this.#tensors = hasStrings
      ? undefined
      : tensors.map((tensor) => ({ ...tensor, dims: [...tensor.dims] }));
  }
}

function isSamePlace(a: PackedTensor, b: PackedTensor): boolean {
  return (
    !('strings' in a) &&
    !('strings' in b) &&
    a.byteOffset === b.byteOffset &&
    a.byteLength === b.byteLength &&
    a.dims.length === b.dims.length &&
    a.dims.every((size, axis) => size === b.dims[axis])
  );
}
