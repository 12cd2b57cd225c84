/** Small ONNX models for the tests of the engine, by a writer that checks nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Root } from 'protobufjs/light.js';
import type { IField } from 'protobufjs/light.js';

/** Element types by the numbers of ONNX's TensorProto.DataType. */
const elementTypes = {
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
  BF16: 16,
} as const;
export type ElementType = keyof typeof elementTypes;

export interface FixtureValue {
  readonly name: string;
  readonly type: ElementType;
  /** Without them the shape is not declared; the empty name is an open size without one. */
  readonly dims?: readonly (number | string)[];
  /** A sequence of such tensors. */
  readonly sequence?: true;
}

export interface FixtureConstant {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array | Uint8Array;
}

export interface FixtureNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[] | FixtureGraph>>;
}

export interface FixtureGraph {
  readonly inputs: readonly FixtureValue[];
  readonly outputs: readonly FixtureValue[];
  readonly nodes: readonly FixtureNode[];
  readonly constants?: readonly FixtureConstant[];
}

/** Writes models into a folder of their own, which `remove` deletes. */
export class FixtureFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'dnnscaler-fixtures-'));

  model(name: string, graph: FixtureGraph): string {
    return this.file(`${name}.onnx`, encodeModel(graph));
  }

  file(name: string, content: Uint8Array | string): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * `y = x` for `x` of [N, 4], taking time as each row says: a loop runs as often as the largest `n`
 * (of [N]) in the batch, at a few microseconds a turn. A huge `n` never ends.
 */
export const looping: FixtureGraph = {
  inputs: [
    { name: 'x', type: 'FP32', dims: ['N', 4] },
    { name: 'n', type: 'INT64', dims: ['N'] },
  ],
  outputs: [{ name: 'y', type: 'FP32', dims: ['N', 4] }],
  constants: [
    { name: 'one', type: 'FP32', dims: [], data: Float32Array.of(1) },
    { name: 'zero', type: 'FP32', dims: [], data: Float32Array.of(0) },
  ],
  nodes: [
    { op: 'ReduceMax', inputs: ['n'], outputs: ['turns'], attributes: { keepdims: 0 } },
    {
      op: 'Loop',
      inputs: ['turns', '', 'one'],
      outputs: ['last'],
      attributes: {
        body: {
          inputs: [
            { name: 'turn', type: 'INT64', dims: [] },
            { name: 'go', type: 'BOOL', dims: [] },
            { name: 'state', type: 'FP32', dims: [] },
          ],
          outputs: [
            { name: 'go_on', type: 'BOOL', dims: [] },
            { name: 'next', type: 'FP32', dims: [] },
          ],
          nodes: [
            { op: 'Identity', inputs: ['go'], outputs: ['go_on'] },
            { op: 'Sin', inputs: ['state'], outputs: ['next'] },
          ],
        },
      },
    },
    { op: 'Mul', inputs: ['last', 'zero'], outputs: ['nothing'] },
    { op: 'Add', inputs: ['x', 'nothing'], outputs: ['y'] },
  ],
};

const repeated = (type: string, id: number): IField => ({ rule: 'repeated', type, id });
const single = (type: string, id: number): IField => ({ type, id });
const longs = (id: number): IField => ({
  rule: 'repeated',
  type: 'int64',
  id,
  options: { packed: false },
});

/** The part of onnx/onnx.proto that the fixtures use; nested messages are flattened. */
const root = Root.fromJSON({
  nested: {
    Model: {
      fields: {
        ir_version: single('int64', 1),
        graph: single('Graph', 7),
        opset_import: repeated('Opset', 8),
      },
    },
    Opset: { fields: { domain: single('string', 1), version: single('int64', 2) } },
    Graph: {
      fields: {
        node: repeated('Node', 1),
        name: single('string', 2),
        initializer: repeated('Tensor', 5),
        input: repeated('Value', 11),
        output: repeated('Value', 12),
      },
    },
    Node: {
      fields: {
        input: repeated('string', 1),
        output: repeated('string', 2),
        op_type: single('string', 4),
        attribute: repeated('Attribute', 5),
      },
    },
    Attribute: {
      fields: {
        name: single('string', 1),
        i: single('int64', 3),
        g: single('Graph', 6),
        ints: longs(8),
        type: single('int32', 20),
      },
    },
    Tensor: {
      fields: {
        dims: longs(1),
        data_type: single('int32', 2),
        name: single('string', 8),
        raw_data: single('bytes', 9),
      },
    },
    Value: { fields: { name: single('string', 1), type: single('Type', 2) } },
    Type: {
      fields: { tensor_type: single('TensorType', 1), sequence_type: single('SequenceType', 4) },
    },
    TensorType: { fields: { elem_type: single('int32', 1), shape: single('Shape', 2) } },
    SequenceType: { fields: { elem_type: single('Type', 1) } },
    Shape: { fields: { dim: repeated('Dimension', 1) } },
    Dimension: { fields: { dim_value: single('int64', 1), dim_param: single('string', 2) } },
  },
});

/** The file of a model: IR version 8, operator set 17. */
export function encodeModel(graph: FixtureGraph): Uint8Array {
  const type = root.lookupType('Model');
  const model = { ir_version: 8, graph: graphOf(graph), opset_import: [{ version: 17 }] };
  return type.encode(type.fromObject(model)).finish();
}

function graphOf({ inputs, outputs, nodes, constants = [] }: FixtureGraph): object {
  return {
    name: 'fixture',
    input: inputs.map(valueOf),
    output: outputs.map(valueOf),
    initializer: constants.map(({ name, type, dims, data }) => ({
      name,
      dims,
      data_type: elementTypes[type],
      raw_data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    })),
    node: nodes.map(({ op, inputs: from, outputs: to, attributes = {} }) => ({
      op_type: op,
      input: from,
      output: to,
      attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    })),
  };
}

function attributeOf(name: string, value: number | readonly number[] | FixtureGraph): object {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if ('nodes' in value) return { name, type: 5, g: graphOf(value) };
  return { name, type: 7, ints: value };
}

function valueOf({ name, type, dims, sequence }: FixtureValue): object {
  const dim = dims?.map((size) =>
    typeof size === 'number' ? { dim_value: size } : size === '' ? {} : { dim_param: size },
  );
  const tensor = {
    tensor_type: {
      elem_type: elementTypes[type],
      ...(dim === undefined ? {} : { shape: { dim } }),
    },
  };
  return { name, type: sequence === true ? { sequence_type: { elem_type: tensor } } : tensor };
}
