import type { GraphProto, NodeProto, ValueInfoProto } from '../../zoo/onnx/proto.ts';
import { opsetOf } from '../file/model-file.ts';
import type { ModelFile } from '../file/model-file.ts';
import type { Extent } from './extent.ts';
import type { Call, Facts } from './facts.ts';
import { inferCall } from './infer.ts';
import { factsOfConstant } from './shape-makers.ts';

/** The inputs that a run has to be given: those without a default in the file. */
export function requiredInputs(graph: GraphProto): readonly ValueInfoProto[] {
  const defaults = new Set(graph.initializer.map(({ name }) => name));
  return graph.input.filter(({ name }) => !defaults.has(name));
}

/** The dimensions that the file declares for a value: sizes, and names or '' of open ones. */
export function declaredDims({ type }: ValueInfoProto): readonly (number | string)[] | undefined {
  const shape = type?.tensor_type?.shape;
  return shape?.dim.map(({ dim_value: size, dim_param: name }) => size ?? name ?? '');
}

/**
 * Makes extents of declared dimensions.
 *
 * @param fromRows whether the value depends on what the rows hold
 */
export type Settle = (dims: readonly (number | string)[], fromRows: boolean) => readonly Extent[];

/** Facts of the values of a graph by name, and how new ones come about. */
export class GraphFacts {
  readonly #facts = new Map<string, Facts>();
  readonly #declared = new Map<string, ValueInfoProto>();
  readonly #opset: number;
  readonly #settle: Settle;

  /**
   * Starts from the constants and the inputs of the graph.
   *
   * @param inputDims dimensions of an input, by name
   * @param settle what the dimensions amount to that the file declares for a value in between
   */
  constructor(
    file: ModelFile,
    inputDims: (name: string) => readonly Extent[] | undefined,
    settle: Settle,
  ) {
    const { graph } = file.model;
    this.#opset = opsetOf(file);
    this.#settle = settle;
    for (const tensor of graph.initializer) this.#facts.set(tensor.name, factsOfConstant(tensor));
    for (const { name, type } of requiredInputs(graph)) {
      const elementType = type?.tensor_type?.elem_type;
      this.#facts.set(name, { dims: inputDims(name), elementType, fromRows: true });
    }
    for (const value of [...graph.value_info, ...graph.output]) {
      this.#declared.set(value.name, value);
    }
  }

  get(name: string): Facts | undefined {
    return this.#facts.get(name);
  }

  set(name: string, facts: Facts): void {
    this.#facts.set(name, facts);
  }

  /** The node with what is known of its inputs. */
  callOf(node: NodeProto): Call {
    const operands = node.input.map((name) => (name === '' ? undefined : (this.get(name) ?? {})));
    const capturesRows = capturedBy(node).some((name) => this.get(name)?.fromRows === true);
    return { node, operands, opset: this.#opset, capturesRows };
  }

  /** Infers the outputs of a call and keeps them under their names. */
  infer(call: Call): readonly Facts[] {
    const outputs = inferCall(call, (name, fromRows) => this.#declaredFacts(name, fromRows));
    for (const [i, name] of call.node.output.entries()) {
      if (name !== '') this.set(name, outputs[i] as Facts);
    }
    return outputs;
  }

  #declaredFacts(name: string, fromRows: boolean): Facts | undefined {
    const value = this.#declared.get(name);
    if (value === undefined) return undefined;
    const dims = declaredDims(value);
    return {
      dims: dims && this.#settle(dims, fromRows),
      elementType: value.type?.tensor_type?.elem_type,
    };
  }
}

/** Names that the subgraphs of a node read; those of values of their own do no harm among them. */
function capturedBy({ attribute }: NodeProto): readonly string[] {
  return attribute
    .flatMap(({ g, graphs = [] }) => (g === undefined ? graphs : [g, ...graphs]))
    .flatMap(({ node, output }) => [
      ...output.map(({ name }) => name),
      ...node.flatMap((each) => [...each.input, ...capturedBy(each)]),
    ]);
}
