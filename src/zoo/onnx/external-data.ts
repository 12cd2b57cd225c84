import { Reader } from 'protobufjs/minimal.js';

/** Calls by field number with the bytes of a field that has a length; other fields are skipped. */
type Visitors = Readonly<Record<number, (bytes: Uint8Array) => void>>;

/**
 * The files in which a model keeps tensors outside of its own, as written in it. Reads the structure
 * alone: no weights are copied.
 *
 * Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto,
 * TensorProto, StringStringEntryProto).
 *
 * @throws RangeError or Error for bytes that are no protobuf message
 */
export function externalDataLocations(model: Uint8Array): readonly string[] {
  const locations = new Set<string>();
  const text = new TextDecoder();
  const tensor = (bytes: Uint8Array): void => {
    visit(bytes, { 13: entry });
  };
  const entry = (bytes: Uint8Array): void => {
    let key = '';
    let value = '';
    visit(bytes, {
      1: (name) => (key = text.decode(name)),
      2: (content) => (value = text.decode(content)),
    });
    if (key === 'location') locations.add(value);
  };
  const sparse = (bytes: Uint8Array): void => {
    visit(bytes, { 1: tensor, 2: tensor });
  };
  const attribute = (bytes: Uint8Array): void => {
    visit(bytes, { 5: tensor, 6: graph, 10: tensor, 11: graph, 22: sparse, 23: sparse });
  };
  const node = (bytes: Uint8Array): void => {
    visit(bytes, { 5: attribute });
  };
  const graph = (bytes: Uint8Array): void => {
    visit(bytes, { 1: node, 5: tensor, 15: sparse });
  };
  const modelFunction = (bytes: Uint8Array): void => {
    visit(bytes, { 7: node, 11: attribute });
  };
  visit(model, { 7: graph, 25: modelFunction });
  return [...locations];
}

const lengthDelimited = 2;

function visit(message: Uint8Array, visitors: Visitors): void {
  const reader = Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const visitor = visitors[tag >>> 3];
    if ((tag & 7) !== lengthDelimited) {
      reader.skipType(tag & 7);
      continue;
    }
    const length = reader.uint32();
    const start = reader.pos;
    reader.skip(length);
    visitor?.(message.subarray(start, start + length));
  }
}
