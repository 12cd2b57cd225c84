import { DnnScalerError } from '../../errors.ts';
import type { ModelFile } from './model-file.ts';
import {
  contentOf,
  encodeField,
  encodeText,
  fieldHead,
  rewriteFields,
  wireFields,
  withoutFields,
} from './wire.ts';
import type { WireField } from './wire.ts';

/** Field numbers of onnx.proto: ModelProto and GraphProto. */
const modelGraphField = 7;
const graphFields = { node: 1, input: 11, output: 12, valueInfo: 13 } as const;

/** A repeated field of the graph that can be edited, one by one. */
export type GraphPart = keyof typeof graphFields;

/**
 * Changes to the graph of a model that leave every other byte of the file as it is: unknown fields,
 * functions, metadata, weights.
 */
export class GraphEdits {
  readonly #bytes: Uint8Array;
  readonly #modelFields: readonly WireField[];
  readonly #graph: Uint8Array;
  readonly #graphFields: readonly WireField[];
  readonly #parts: ReadonlyMap<number, readonly WireField[]>;
  readonly #replaced = new Map<WireField, Uint8Array | null>();
  readonly #before = new Map<WireField, Uint8Array[]>();

  /** @throws DnnScalerError `unsupported` for a graph that is written in several pieces */
  constructor({ bytes, path }: Pick<ModelFile, 'bytes' | 'path'>) {
    this.#bytes = bytes;
    this.#modelFields = wireFields(bytes);
    const graphs = this.#modelFields.filter(({ number }) => number === modelGraphField);
    const [graph] = graphs;
    if (graph === undefined || graphs.length > 1) {
      throw new DnnScalerError('unsupported', `the graph of ${path} is not in one piece`);
    }
    this.#graph = contentOf(bytes, graph);
    this.#graphFields = wireFields(this.#graph);
    this.#parts = new Map(
      Object.values(graphFields).map((number) => [
        number,
        this.#graphFields.filter((field) => field.number === number),
      ]),
    );
  }

  get changed(): boolean {
    return this.#replaced.size > 0 || this.#before.size > 0;
  }

  /** The message of the part's entry `index`, as edited so far. */
  get(part: GraphPart, index: number): Uint8Array {
    const field = this.#fieldOf(part, index);
    return this.#replaced.get(field) ?? contentOf(this.#graph, field);
  }

  /** Puts a message in the place of an entry; null takes the entry away. */
  replace(part: GraphPart, index: number, message: Uint8Array | null): void {
    this.#replaced.set(this.#fieldOf(part, index), message);
  }

  /** Adds a message before an entry, behind those added there already. */
  insertBefore(part: GraphPart, index: number, message: Uint8Array): void {
    const field = this.#fieldOf(part, index);
    this.#before.set(field, [...(this.#before.get(field) ?? []), message]);
  }

  /** The edited file, in pieces to be written in turn. Most of them share the memory of the file. */
  pieces(): readonly Uint8Array[] {
    const graph = this.#graphFields.flatMap((field) => this.#piecesOf(field));
    const length = graph.reduce((sum, piece) => sum + piece.length, 0);
    return this.#modelFields.flatMap((field) =>
      field.number === modelGraphField
        ? [fieldHead(modelGraphField, length), ...graph]
        : [this.#bytes.subarray(field.start, field.end)],
    );
  }

  #piecesOf(field: WireField): Uint8Array[] {
    const before = (this.#before.get(field) ?? []).map((added) => encodeField(field.number, added));
    const message = this.#replaced.get(field);
    if (message === null) return before;
    if (message !== undefined) return [...before, encodeField(field.number, message)];
    return [...before, this.#graph.subarray(field.start, field.end)];
  }

  #fieldOf(part: GraphPart, index: number): WireField {
    const field = this.#parts.get(graphFields[part])?.[index];
    if (field === undefined)
      throw new DnnScalerError('internal', `no ${part} ${index} in the graph`);
    return field;
  }
}

/** The ValueInfoProto with one of its dimensions renamed; a denotation of it is kept. */
export function withOpenDim(value: Uint8Array, axis: number, name: string): Uint8Array {
  // ValueInfoProto.type = 2, TypeProto.tensor_type = 1, Tensor.shape = 2, TensorShapeProto.dim = 1,
  // Dimension.dim_value = 1 and dim_param = 2.
  const path = [2, 1, 2];
  const descend = (message: Uint8Array, depth: number): Uint8Array =>
    rewriteFields(message, (number, occurrence, content) => {
      if (depth === path.length) {
        if (number !== 1 || occurrence !== axis) return content;
        return Buffer.concat([withoutFields(content, [1, 2]), encodeText(2, name)]);
      }
      return number === path[depth] ? descend(content, depth + 1) : content;
    });
  return descend(value, 0);
}

/** The NodeProto with one input renamed, or added behind the others. */
export function withInput(node: Uint8Array, slot: number, name: string): Uint8Array {
  const inputField = 1;
  let inputs = 0;
  const renamed = rewriteFields(node, (number, occurrence, content) => {
    if (number !== inputField) return content;
    inputs += 1;
    return occurrence === slot ? new TextEncoder().encode(name) : content;
  });
  if (slot < inputs) return renamed;
  const skipped = Array.from({ length: slot - inputs }, () => encodeText(inputField, ''));
  return Buffer.concat([renamed, ...skipped, encodeText(inputField, name)]);
}

/** The NodeProto with an attribute replaced, or added. */
export function withAttribute(node: Uint8Array, name: string, attribute: Uint8Array): Uint8Array {
  const attributeField = 5;
  const kept = rewriteFields(node, (number, _, content) =>
    number === attributeField && attributeName(content) === name ? null : content,
  );
  return Buffer.concat([kept, encodeField(attributeField, attribute)]);
}

function attributeName(attribute: Uint8Array): string {
  const field = wireFields(attribute).find(({ number }) => number === 1);
  return field === undefined ? '' : new TextDecoder().decode(contentOf(attribute, field));
}
