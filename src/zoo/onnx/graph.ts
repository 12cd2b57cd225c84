import { arrays } from '../../tensor/dtype.ts';
import type { Datatype, NumericData, NumericDatatype } from '../../tensor/dtype.ts';

/** A dimension: a size, or the name of a size that is known only at run time. */
export type Dim = number | string;

/** The name of the batch dimension in every network of the zoo. */
export const batchDim = 'N';

/** Name, element type and shape of a tensor that flows through a graph. */
export interface Value {
  readonly name: string;
  readonly datatype: Datatype;
  readonly dims: readonly Dim[];
}

/** A constant tensor of the file: a weight, a statistic, or a constant of the computation. */
export interface Initializer {
  readonly name: string;
  readonly datatype: NumericDatatype;
  readonly dims: readonly number[];
  /** True for a constant of the computation that has the shape of a weight; default false. */
  readonly isConstant?: boolean;
  /**
   * Its elements in row-major order. Called when they are needed and not kept, so that a graph
   * of any size can be built, counted and written holding one tensor at a time.
   */
  data(): NumericData;
}

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'string'; readonly value: string };

export type Attributes = Readonly<Record<string, Attribute>>;

/** One operator call of ONNX's default operator set. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  /** Names of values or initializers, in the operator's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** An ONNX graph as data. Nodes are in an order in which they can run. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  /** Every value by name: inputs, results of nodes and outputs, with their shapes. */
  readonly values: ReadonlyMap<string, Value>;
}

/** ONNX's numbers for element types (TensorProto.DataType). */
export const elementTypeOf = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const satisfies Record<Datatype, number>;

/** The element type with ONNX's number, or undefined when this package cannot carry it. */
export function datatypeOf(elementType: number): Datatype | undefined {
  const entries = Object.entries(elementTypeOf) as [Datatype, number][];
  return entries.find(([, number]) => number === elementType)?.[0];
}

/** True for element types whose data are bytes of fixed width. */
export function isNumeric(datatype: Datatype): datatype is NumericDatatype {
  return Object.hasOwn(arrays, datatype);
}

export const int = (value: number): Attribute => ({ kind: 'int', value });
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });
export const float = (value: number): Attribute => ({ kind: 'float', value });
