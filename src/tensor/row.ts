import type { Datatype, TensorData } from './dtype.ts';

/** One tensor of one row: the batch dimension is left out of `dims`. */
export interface RowTensor {
  readonly data: TensorData;
  readonly dims: readonly number[];
}

/** One example: a tensor for each input (or output) of the model, in the model's order. */
export type Row = readonly RowTensor[];

/** What a model declares of one input or output, without its batch dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Dimensions of one row; -1 where the model leaves it open. */
  readonly dims: readonly number[];
}

/** What a model takes and gives, one row at a time. */
export interface ModelSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}
