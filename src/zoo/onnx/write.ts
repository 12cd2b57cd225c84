import { Writer } from 'protobufjs/light.js';
import { DnnScalerError } from '../../errors.ts';
import { elementBytes, elementCount } from '../../tensor/dtype.ts';
import { elementTypeOf } from './graph.ts';
import type { Attribute, Graph, Initializer, Node, Value } from './graph.ts';
import { graphCodec, modelCodec, tensorCodec } from './proto.ts';
import type { AttributeProto, NodeProto, ValueInfoProto } from './proto.ts';

/** Versions of the format that are written. IR 8 with operator set 17: ONNX 1.12 (2022) and later. */
export const irVersion = 8;
export const opsetVersion = 17;

/** Field numbers of the length-delimited fields that are written piece by piece. */
const modelGraphField = 7;
const graphInitializerField = 5;
const tensorRawDataField = 9;

/** Protocol buffers, and so ONNX files without external data, end at 2 GiB. */
const maxBytes = 0x7fff_ffff;

interface EncodedInitializer {
  readonly initializer: Initializer;
  /** Everything before the raw data: field head, dims, type, name, head of the raw data. */
  readonly head: Uint8Array;
  readonly rawBytes: number;
}

/** A graph ready to be written: all of it but the weights. */
export interface EncodedModel {
  /** Size of the whole file. */
  readonly bytes: number;
  /** The structure: everything but the contents of the initializers. */
  readonly structure: readonly Uint8Array[];
  /** The file, in pieces to be written in turn; weights come to life one tensor at a time. */
  chunks(): Generator<Uint8Array, void>;
}

/**
 * Encodes a graph as an ONNX file. The weights are written as raw data, one by one, so memory is
 * bounded by the largest of them.
 *
 * @throws DnnScalerError `unsupported` for a model of 2 GiB or more, which one ONNX file cannot hold
 */
export function encodeModel(graph: Graph): EncodedModel {
  const modelHead = modelCodec.encode({
    ir_version: irVersion,
    producer_name: 'dnnscaler',
    opset_import: [{ domain: '', version: opsetVersion }],
  });
  const edges = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const graphHead = graphCodec.encode({
    name: graph.name,
    node: graph.nodes.map(nodeProto),
    input: graph.inputs.map(valueInfoProto),
    output: graph.outputs.map(valueInfoProto),
    value_info: [...graph.values.values()]
      .filter(({ name }) => !edges.has(name))
      .map(valueInfoProto),
  });
  const initializers = graph.initializers.map(encodeInitializer);
  let graphBytes = graphHead.length;
  for (const { head, rawBytes } of initializers) graphBytes += head.length + rawBytes;
  const start = [modelHead, fieldHead(modelGraphField, graphBytes), graphHead];
  const bytes = modelHead.length + (start[1] as Uint8Array).length + graphBytes;
  if (bytes > maxBytes) {
    throw new DnnScalerError(
      'unsupported',
      `an ONNX file ends at 2 GiB; ${graph.name} would take ${bytes} bytes`,
    );
  }
  return {
    bytes,
    structure: [...start, ...initializers.map(({ head }) => head)],
    *chunks() {
      yield* start;
      for (const { head, initializer } of initializers) {
        yield head;
        const data = initializer.data();
        yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      }
    },
  };
}

function encodeInitializer(initializer: Initializer): EncodedInitializer {
  const { name, dims, datatype } = initializer;
  const rawBytes = elementCount(dims) * elementBytes(datatype);
  const tensor = tensorCodec.encode({ dims: [...dims], data_type: elementTypeOf[datatype], name });
  const rawHead = fieldHead(tensorRawDataField, rawBytes);
  const tensorBytes = tensor.length + rawHead.length + rawBytes;
  const head = Buffer.concat([fieldHead(graphInitializerField, tensorBytes), tensor, rawHead]);
  return { initializer, head, rawBytes };
}

/** Tag and length of a length-delimited field (wire type 2). */
function fieldHead(field: number, length: number): Uint8Array {
  return Writer.create()
    .uint32((field << 3) | 2)
    .uint32(length)
    .finish();
}

function nodeProto(node: Node): NodeProto {
  return {
    name: node.name,
    op_type: node.opType,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function attributeProto(name: string, attribute: Attribute): AttributeProto {
  switch (attribute.kind) {
    case 'float':
      return { name, type: 1, f: attribute.value };
    case 'int':
      return { name, type: 2, i: attribute.value };
    case 'string':
      return { name, type: 3, s: Buffer.from(attribute.value) };
    case 'floats':
      return { name, type: 6, floats: [...attribute.value] };
    case 'ints':
      return { name, type: 7, ints: [...attribute.value] };
  }
}

function valueInfoProto({ name, datatype, dims }: Value): ValueInfoProto {
  const dim = dims.map((size) =>
    typeof size === 'number' ? { dim_value: size } : { dim_param: size },
  );
  return { name, type: { tensor_type: { elem_type: elementTypeOf[datatype], shape: { dim } } } };
}
