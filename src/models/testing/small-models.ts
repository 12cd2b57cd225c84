import { elementCount } from '../../tensor/dtype.ts';
import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import type { Dim } from '../../zoo/onnx/graph.ts';
import { modelCodec } from '../../zoo/onnx/proto.ts';
import type {
  AttributeProto,
  GraphProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '../../zoo/onnx/proto.ts';

/** An attribute: an integer or a list of them, a text, floats, a constant or a subgraph. */
type AttributeValue =
  | number
  | readonly number[]
  | string
  | { readonly floats: readonly number[] }
  | { readonly tensor: TensorProto }
  | { readonly graph: GraphProto };

/** Operator, inputs, outputs, attributes. The node is named after its first output, in capitals. */
export type SmallNode = readonly [
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, AttributeValue>>,
];

type Type = 'FP32' | 'INT64' | 'UINT8' | 'INT32';

export interface SmallModel {
  /** Dimensions by name; types default to FP32. */
  readonly inputs: Readonly<Record<string, readonly Dim[]>>;
  readonly outputs: Readonly<Record<string, readonly Dim[]>>;
  readonly nodes: readonly SmallNode[];
  readonly constants?: Readonly<Record<string, TensorProto>>;
  readonly types?: Readonly<Record<string, Type>>;
  /** Values in between whose shapes are declared. */
  readonly declared?: Readonly<Record<string, readonly Dim[]>>;
  /** Default 17. */
  readonly opset?: number;
}

/** A hand-built model as the bytes of its file. */
export function smallModel(model: SmallModel): Uint8Array {
  return modelCodec.encode({
    ir_version: 8,
    producer_name: 'by hand',
    opset_import: [
      { domain: '', version: model.opset ?? 17 },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: smallGraph(model),
  });
}

export function smallGraph(model: SmallModel): GraphProto {
  const { types = {}, constants = {}, declared = {} } = model;
  const values = (dims: Readonly<Record<string, readonly Dim[]>>): ValueInfoProto[] =>
    Object.entries(dims).map(([name, each]) => valueInfo(name, types[name] ?? 'FP32', each));
  return {
    name: 'small',
    node: model.nodes.map(nodeOf),
    initializer: Object.entries(constants).map(([name, tensor]) => ({ ...tensor, name })),
    input: values(model.inputs),
    output: values(model.outputs),
    value_info: values(declared),
  };
}

function nodeOf([opType, inputs, outputs, attributes = {}]: SmallNode): NodeProto {
  return {
    name: (outputs[0] ?? '').toUpperCase(),
    op_type: opType,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    domain: /^(FastGelu)$/.test(opType) ? 'com.microsoft' : '',
  };
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: Buffer.from(value) };
  if ('floats' in value) return { name, type: 6, floats: [...value.floats] };
  if ('tensor' in value) return { name, type: 4, t: value.tensor };
  if ('graph' in value) return { name, type: 5, g: value.graph };
  return { name, type: 7, ints: [...value] };
}

function valueInfo(name: string, type: Type, dims: readonly Dim[]): ValueInfoProto {
  const dim = dims.map((size) =>
    typeof size === 'number' ? { dim_value: size } : { dim_param: size },
  );
  return { name, type: { tensor_type: { elem_type: elementTypeOf[type], shape: { dim } } } };
}

/** A list of 64-bit integers as raw data. */
export function ints(...values: readonly number[]): TensorProto {
  const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { dims: [values.length], data_type: elementTypeOf.INT64, name: '', raw_data: raw };
}

/** Different floats, the same each time: a slow wave through the tensor. */
export function floats(...dims: readonly number[]): TensorProto {
  const values = Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(i * 1.7));
  return floatTensor(dims, values);
}

/** The same value throughout. */
export function filled(value: number, ...dims: readonly number[]): TensorProto {
  return floatTensor(dims, new Float32Array(elementCount(dims)).fill(value));
}

function floatTensor(dims: readonly number[], values: Float32Array): TensorProto {
  const raw = new Uint8Array(values.buffer);
  return { dims: [...dims], data_type: elementTypeOf.FP32, name: '', raw_data: raw };
}
