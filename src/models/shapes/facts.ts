import type { AttributeProto, NodeProto, TensorProto } from '../../zoo/onnx/proto.ts';
import type { Extent } from './extent.ts';

/** What is known of a tensor without running the model. */
export interface Facts {
  /** ONNX's number of the element type; undefined where it is not known. */
  readonly elementType?: number | undefined;
  /** Undefined when not even the rank is known. */
  readonly dims?: readonly Extent[] | undefined;
  /** The elements in row-major order, of a short tensor of numbers: shapes, axes, bounds. */
  readonly values?: readonly Extent[] | undefined;
  /** Whether the elements depend on what the rows of the inputs hold, and not only on their sizes. */
  readonly fromRows?: boolean;
  /** The tensor itself, when it is a constant of the file. */
  readonly constant?: TensorProto | undefined;
}

/** A tensor of which nothing is known. */
export const unknownFacts: Facts = {};

/** One operator call, as shape inference sees it. */
export interface Call {
  readonly node: NodeProto;
  /** Facts of each input; undefined for one that is left out. */
  readonly operands: readonly (Facts | undefined)[];
  /** Version of the operator's set. */
  readonly opset: number;
  /** Whether a subgraph of the node reads what depends on the rows. */
  readonly capturesRows?: boolean;
}

/** What an operator gives, output by output; outputs at the end may be left out. */
export type Infer = (call: Call) => readonly Facts[];

export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

export function intAttribute(node: NodeProto, name: string, otherwise: number): number {
  return attributeOf(node, name)?.i ?? otherwise;
}

export function intsAttribute(node: NodeProto, name: string): readonly number[] | undefined {
  const attribute = attributeOf(node, name);
  return attribute === undefined ? undefined : (attribute.ints ?? []);
}

export function textAttribute(node: NodeProto, name: string): string | undefined {
  const content = attributeOf(node, name)?.s;
  return content === undefined ? undefined : new TextDecoder().decode(content);
}

/** The axis counted from the front; undefined when it is out of range. */
export function axisFromFront(axis: number, rank: number): number | undefined {
  const fromFront = axis < 0 ? axis + rank : axis;
  return fromFront >= 0 && fromFront < rank ? fromFront : undefined;
}

/** Known values as plain numbers; undefined unless all of them are known and none is per row. */
export function plainValues(facts: Facts | undefined): readonly number[] | undefined {
  const { values } = facts ?? {};
  if (!values?.every((value) => typeof value === 'number')) return undefined;
  return values;
}

/** Integers given by an attribute in old operator sets and by an input in new ones. */
export function intsOf(call: Call, name: string, input: number): readonly number[] | undefined {
  return intsAttribute(call.node, name) ?? plainValues(call.operands[input]);
}

/** Whether a call gives this input at all: a name that is empty stands for one left out. */
export function hasInput(call: Call, input: number): boolean {
  return (call.node.input[input] ?? '') !== '';
}
