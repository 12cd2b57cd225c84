import { DnnScalerError, invalidArgument } from '../../errors.ts';
import { elementBytes, elementCount, viewOf } from '../../tensor/dtype.ts';
import { datatypeOf, isNumeric } from './graph.ts';
import type { Attribute, Dim, Graph, Initializer, Node, Value } from './graph.ts';
import { modelCodec } from './proto.ts';
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  TensorProto,
  ValueInfoProto,
} from './proto.ts';

/**
 * Decodes an ONNX file as its messages, without checking them against each other. Weights share
 * the memory of `bytes`.
 *
 * @param what name of the file, for the error message
 * @throws DnnScalerError `invalid-argument` when the bytes are no whole ONNX model
 */
export function decodeModel(bytes: Uint8Array, what: string): ModelProto & { graph: GraphProto } {
  const rule = 'must be a whole ONNX model';
  let model: ModelProto;
  try {
    model = modelCodec.decode(bytes);
  } catch (cause) {
    const { message } = invalidArgument(what, rule, `${bytes.length} bytes that do not decode`);
    throw new DnnScalerError('invalid-argument', message, { cause });
  }
  const { graph } = model;
  if (graph === undefined || graph.node.length === 0 || !(model.ir_version >= 1)) {
    throw invalidArgument(what, rule, `${bytes.length} bytes without a graph`);
  }
  return { ...model, graph };
}

/**
 * Reads an ONNX file, as this package writes them, back into a graph: weights as raw data, and a
 * shape for every value.
 *
 * @param what name of the file, for the error message
 * @throws DnnScalerError `invalid-argument` when the bytes are no whole ONNX model;
 *   `unsupported` for parts of the format that this package does not write
 */
export function readGraph(bytes: Uint8Array, what: string): Graph {
  const { graph } = decodeModel(bytes, what);
  const inputs = graph.input.map(valueOf);
  const outputs = graph.output.map(valueOf);
  const nodes = graph.node.map((node): Node => ({
    name: node.name ?? '',
    opType: node.op_type,
    inputs: node.input,
    outputs: node.output,
    attributes: Object.fromEntries(node.attribute.map((a) => [a.name, attributeOf(a)])),
  }));
  const values = new Map<string, Value>();
  for (const value of [...inputs, ...graph.value_info.map(valueOf), ...outputs]) {
    values.set(value.name, value);
  }
  return {
    name: graph.name ?? '',
    inputs,
    outputs,
    nodes,
    initializers: graph.initializer.map(initializerOf),
    values,
  };
}

function valueOf({ name, type }: ValueInfoProto): Value {
  const tensor = type?.tensor_type;
  const datatype = datatypeOf(tensor?.elem_type ?? 0);
  if (tensor === undefined || datatype === undefined) {
    throw new DnnScalerError('unsupported', `value ${name} is no tensor of a supported type`);
  }
  // A dimension with neither size nor name is open; it keeps a name of its own.
  const dims = (tensor.shape?.dim ?? []).map(
    (dim, axis): Dim => dim.dim_value ?? dim.dim_param ?? `${name}_dim_${axis}`,
  );
  return { name, datatype, dims };
}

function attributeOf({ name, type, f, i, s, floats, ints }: AttributeProto): Attribute {
  if (type === 1) return { kind: 'float', value: f ?? 0 };
  if (type === 2) return { kind: 'int', value: i ?? 0 };
  if (type === 3) return { kind: 'string', value: Buffer.from(s ?? []).toString() };
  if (type === 6) return { kind: 'floats', value: floats ?? [] };
  if (type === 7) return { kind: 'ints', value: ints ?? [] };
  throw new DnnScalerError(
    'unsupported',
    `attribute ${name} has a type (${type}) that is not read`,
  );
}

function initializerOf({ name, dims, data_type, raw_data }: TensorProto): Initializer {
  const datatype = datatypeOf(data_type);
  if (datatype === undefined || !isNumeric(datatype) || raw_data === undefined) {
    throw new DnnScalerError(
      'unsupported',
      `initializer ${name} does not hold numbers as raw data`,
    );
  }
  const length = elementCount(dims);
  const expected = length * elementBytes(datatype);
  if (raw_data.length !== expected) {
    throw invalidArgument(`initializer ${name}`, `must hold ${expected} bytes`, raw_data.length);
  }
  return {
    name,
    datatype,
    dims,
    data() {
      // Copied because tensors start at any byte of the file, and typed arrays must be aligned.
      return viewOf(datatype, new Uint8Array(raw_data).buffer, 0, length);
    },
  };
}
