import type { Datatype, NumericData } from '../tensor/dtype.ts';

/** Tensor types of the protocol: ours, and BF16, which Triton added (the high two bytes of FP32). */
export type WireDatatype = Datatype | 'BF16';

/**
 * Elements of a tensor as they travel, row-major: a typed array for numbers (BF16 as its 16 bits in
 * a Uint16Array), and for BYTES one byte string per element.
 */
export type WireData = NumericData | readonly Uint8Array[];

/** One tensor of a request or response, batch dimension included in `shape`. */
export interface WireTensor {
  readonly name: string;
  readonly datatype: WireDatatype;
  /** Non-negative integers; their product is the number of elements of `data`. */
  readonly shape: readonly number[];
  readonly data: WireData;
}
