import { Root } from 'protobufjs/light.js';
import type { Type } from 'protobufjs/light.js';

/**
 * The part of the ONNX file format that this package reads and writes, with the message names,
 * field names and field numbers of the standard (onnx/onnx.proto, IR version 8). It is a
 * descriptor in code, so that the built package needs no .proto file beside it.
 */
const messages = {
  ModelProto: {
    fields: {
      ir_version: { type: 'int64', id: 1 },
      producer_name: { type: 'string', id: 2 },
      producer_version: { type: 'string', id: 3 },
      domain: { type: 'string', id: 4 },
      model_version: { type: 'int64', id: 5 },
      doc_string: { type: 'string', id: 6 },
      graph: { type: 'GraphProto', id: 7 },
      opset_import: { rule: 'repeated', type: 'OperatorSetIdProto', id: 8 },
      metadata_props: { rule: 'repeated', type: 'StringStringEntryProto', id: 14 },
      functions: { rule: 'repeated', type: 'FunctionProto', id: 25 },
    },
  },
  StringStringEntryProto: {
    fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } },
  },
  FunctionProto: {
    fields: {
      name: { type: 'string', id: 1 },
      input: { rule: 'repeated', type: 'string', id: 4 },
      output: { rule: 'repeated', type: 'string', id: 5 },
      node: { rule: 'repeated', type: 'NodeProto', id: 7 },
      domain: { type: 'string', id: 10 },
    },
  },
  OperatorSetIdProto: {
    fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } },
  },
  GraphProto: {
    fields: {
      node: { rule: 'repeated', type: 'NodeProto', id: 1 },
      name: { type: 'string', id: 2 },
      initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
      doc_string: { type: 'string', id: 10 },
      input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
      output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
      value_info: { rule: 'repeated', type: 'ValueInfoProto', id: 13 },
    },
  },
  NodeProto: {
    fields: {
      input: { rule: 'repeated', type: 'string', id: 1 },
      output: { rule: 'repeated', type: 'string', id: 2 },
      name: { type: 'string', id: 3 },
      op_type: { type: 'string', id: 4 },
      attribute: { rule: 'repeated', type: 'AttributeProto', id: 5 },
      doc_string: { type: 'string', id: 6 },
      domain: { type: 'string', id: 7 },
    },
  },
  AttributeProto: {
    fields: {
      name: { type: 'string', id: 1 },
      f: { type: 'float', id: 2 },
      i: { type: 'int64', id: 3 },
      s: { type: 'bytes', id: 4 },
      t: { type: 'TensorProto', id: 5 },
      g: { type: 'GraphProto', id: 6 },
      floats: { rule: 'repeated', type: 'float', id: 7 },
      ints: { rule: 'repeated', type: 'int64', id: 8 },
      strings: { rule: 'repeated', type: 'bytes', id: 9 },
      graphs: { rule: 'repeated', type: 'GraphProto', id: 11 },
      type: { type: 'int32', id: 20 },
    },
  },
  TensorProto: {
    fields: {
      dims: { rule: 'repeated', type: 'int64', id: 1 },
      data_type: { type: 'int32', id: 2 },
      float_data: { rule: 'repeated', type: 'float', id: 4 },
      int32_data: { rule: 'repeated', type: 'int32', id: 5 },
      int64_data: { rule: 'repeated', type: 'int64', id: 7 },
      name: { type: 'string', id: 8 },
      raw_data: { type: 'bytes', id: 9 },
      double_data: { rule: 'repeated', type: 'double', id: 10 },
      external_data: { rule: 'repeated', type: 'StringStringEntryProto', id: 13 },
      data_location: { type: 'int32', id: 14 },
    },
  },
  ValueInfoProto: {
    fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } },
  },
  TypeProto: {
    fields: { tensor_type: { type: 'TensorTypeProto', id: 1 } },
  },
  // Nested as TypeProto.Tensor, TensorShapeProto.Dimension in the standard; the bytes are the same.
  TensorTypeProto: {
    fields: { elem_type: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } },
  },
  TensorShapeProto: {
    fields: { dim: { rule: 'repeated', type: 'DimensionProto', id: 1 } },
  },
  DimensionProto: {
    fields: { dim_value: { type: 'int64', id: 1 }, dim_param: { type: 'string', id: 2 } },
  },
};

// The standard is written in proto2: a field that is set is written even when it is zero.
const root = Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(messages).map(([name, message]) => [name, { ...message, edition: 'proto2' }]),
  ),
});

export interface DimensionProto {
  dim_value?: number;
  dim_param?: string;
}

export interface ValueInfoProto {
  name: string;
  type?: { tensor_type?: { elem_type: number; shape?: { dim: DimensionProto[] } } };
}

/** A key with its value, both as text. */
export interface StringStringEntryProto {
  key?: string;
  value?: string;
}

/** One of the fields that end in `data` holds the elements, or a file of its own does. */
export interface TensorProto {
  dims: number[];
  data_type: number;
  name: string;
  raw_data?: Uint8Array;
  float_data?: number[];
  int32_data?: number[];
  int64_data?: number[];
  double_data?: number[];
  external_data?: StringStringEntryProto[];
  /** 1 when the elements are in a file of their own. */
  data_location?: number;
}

export interface AttributeProto {
  name: string;
  type?: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  graphs?: GraphProto[];
  strings?: Uint8Array[];
  floats?: number[];
  ints?: number[];
}

export interface NodeProto {
  input: string[];
  output: string[];
  name?: string;
  op_type: string;
  attribute: AttributeProto[];
  domain?: string;
}

export interface GraphProto {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  value_info: ValueInfoProto[];
}

/** An operator defined in the file by nodes of others. */
export interface FunctionProto {
  name: string;
  domain?: string;
  input: string[];
  output: string[];
  node: NodeProto[];
}

export interface ModelProto {
  ir_version: number;
  producer_name?: string;
  producer_version?: string;
  graph?: GraphProto;
  opset_import: { domain?: string; version: number }[];
  metadata_props?: StringStringEntryProto[];
  functions?: FunctionProto[];
}

/** Encodes and decodes one message type; decoding shares memory with the input where it can. */
export interface Codec<T> {
  encode(message: Partial<T>): Uint8Array;
  decode(bytes: Uint8Array): T;
}

function codecOf<T extends object>(type: Type): Codec<T> {
  return {
    encode: (message) => type.encode(type.create(message)).finish(),
    // 64-bit integers are dimensions, versions and small attributes: exact as numbers.
    decode: (bytes) => type.toObject(type.decode(bytes), { longs: Number, arrays: true }) as T,
  };
}

export const modelCodec = codecOf<ModelProto>(root.lookupType('ModelProto'));
export const graphCodec = codecOf<GraphProto>(root.lookupType('GraphProto'));
export const nodeCodec = codecOf<NodeProto>(root.lookupType('NodeProto'));
export const attributeCodec = codecOf<AttributeProto>(root.lookupType('AttributeProto'));
export const tensorCodec = codecOf<TensorProto>(root.lookupType('TensorProto'));
