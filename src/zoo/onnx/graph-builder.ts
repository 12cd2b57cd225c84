import { DnnScalerError } from '../../errors.ts';
import type { Datatype, NumericDatatype } from '../../tensor/dtype.ts';
import type { Attributes, Dim, Graph, Initializer, Node, Value } from './graph.ts';
import { inferType } from './shapes.ts';

/** Something an operator can read: a value of the graph, or an initializer. */
export type Input = Value | Initializer;

/**
 * Builds an ONNX graph node by node, with the shape of every value inferred as it goes.
 *
 * @example
 * const graph = new GraphBuilder('double');
 * const x = graph.input('x', 'FP32', ['N', 4]);
 * graph.output(graph.node('Add', [x, x], { name: 'twice' }));
 * const model = graph.finish();
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #values = new Map<string, Value>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Declares an input of the model. */
  input(name: string, datatype: Datatype, dims: readonly Dim[]): Value {
    const value = this.#value({ name, datatype, dims });
    this.#inputs.push(value);
    return value;
  }

  /** Adds a constant tensor; its data are asked for when the graph is written. */
  initializer(initializer: Initializer): Initializer {
    this.#claim(initializer.name);
    this.#initializers.set(initializer.name, initializer);
    return initializer;
  }

  /** Adds a scalar that belongs to the computation rather than to the weights. */
  scalar(name: string, datatype: Extract<NumericDatatype, 'FP32' | 'INT32'>, value: number): Input {
    const data = datatype === 'FP32' ? Float32Array.of(value) : Int32Array.of(value);
    return this.initializer({ name, datatype, dims: [], data: () => data });
  }

  /** Adds a list of 64-bit integers, as operators take their axes and bounds. */
  int64s(name: string, values: readonly number[]): Input {
    const data = BigInt64Array.from(values, BigInt);
    return this.initializer({ name, datatype: 'INT64', dims: [values.length], data: () => data });
  }

  /**
   * Adds an operator call with one result, which takes the node's name.
   *
   * @throws DnnScalerError `internal` when its shape cannot be inferred or an input is not of this graph
   */
  node(
    opType: string,
    inputs: readonly Input[],
    options: { readonly name: string; readonly attributes?: Attributes },
  ): Value {
    const { name, attributes = {} } = options;
    for (const input of inputs) {
      const known = this.#initializers.get(input.name) ?? this.#values.get(input.name);
      if (known !== input) throw fault(`input ${input.name} of ${name} is not of this graph`);
    }
    const { datatype, dims } = inferType(opType, inputs, attributes);
    const value = this.#value({ name, datatype, dims });
    const names = inputs.map((input) => input.name);
    this.#nodes.push({ name, opType, inputs: names, outputs: [name], attributes });
    return value;
  }

  /** Declares a value as an output of the model. */
  output(value: Value): void {
    if (this.#values.get(value.name) !== value) throw fault(`${value.name} is not of this graph`);
    this.#outputs.push(value);
  }

  finish(): Graph {
    return {
      name: this.#name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      initializers: [...this.#initializers.values()],
      values: this.#values,
    };
  }

  #value(value: Value): Value {
    this.#claim(value.name);
    this.#values.set(value.name, value);
    return value;
  }

  #claim(name: string): void {
    if (this.#values.has(name) || this.#initializers.has(name)) {
      throw fault(`the name ${name} is used twice in ${this.#name}`);
    }
  }
}

function fault(message: string): DnnScalerError {
  return new DnnScalerError('internal', message);
}
