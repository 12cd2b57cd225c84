import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import { attributeCodec, nodeCodec } from '../../zoo/onnx/proto.ts';
import type { AttributeProto, GraphProto, NodeProto } from '../../zoo/onnx/proto.ts';
import type { GraphEdits } from '../file/graph-edits.ts';
import { withAttribute, withInput } from '../file/graph-edits.ts';
import { batchExtent, isPerRow } from '../shapes/extent.ts';
import type { Extent, PerRow } from '../shapes/extent.ts';
import type { Call, Facts } from '../shapes/facts.ts';
import { nameOf } from '../file/model-file.ts';
import { refuseNode } from './refusal.ts';

/** What the rewriting of one model shares between its nodes. */
export class RewriteContext {
  readonly edits: GraphEdits;
  /** Rows of the model as it is. */
  readonly batchSize: number;
  /** What was changed, in sentences for people. */
  readonly changes: string[] = [];
  /** Nodes about which only a run can tell whether rows stay apart. */
  readonly assumed = new Set<string>();
  readonly #input: string;
  readonly #taken: Set<string>;
  #rows: string | undefined;

  /** @param input an input whose first dimension is the batch */
  constructor(edits: GraphEdits, graph: GraphProto, input: string, batchSize: number) {
    this.edits = edits;
    this.batchSize = batchSize;
    this.#input = input;
    this.#taken = namesOf(graph);
  }

  /** A name that nothing in the graph has yet. */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i += 1) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }

  /** Name of a vector with one element, the rows of the batch; made at the front of the graph. */
  rowsVector(): string {
    if (this.#rows === undefined) {
      const sizes = this.insert(0, 'Shape', [this.#input]);
      this.#rows = this.insert(0, 'Gather', [sizes, this.constant(0, [0])]);
    }
    return this.#rows;
  }

  /** Adds a node before node `index`, and names what it gives. */
  insert(
    index: number,
    opType: string,
    inputs: readonly string[],
    attribute: readonly AttributeProto[] = [],
  ): string {
    const name = this.unique(`batchable/${opType}`);
    const node: NodeProto = {
      name,
      op_type: opType,
      input: [...inputs],
      output: [name],
      attribute: [...attribute],
    };
    this.edits.insertBefore('node', index, nodeCodec.encode(node));
    return name;
  }

  /** Adds a vector of 64-bit integers before node `index`. A node, as old files list no others. */
  constant(index: number, values: readonly number[]): string {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    const t = { dims: [values.length], data_type: elementTypeOf.INT64, name: '', raw_data: raw };
    return this.insert(index, 'Constant', [], [{ name: 'value', type: 4, t }]);
  }
}

/** Everything that has a name in a graph and in its subgraphs. */
function namesOf(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  const visit = ({ input, output, initializer, node }: GraphProto): void => {
    for (const { name } of [...input, ...output, ...initializer]) names.add(name);
    for (const each of node) {
      for (const name of [each.name ?? '', ...each.input, ...each.output]) names.add(name);
      for (const { g, graphs = [] } of each.attribute) {
        for (const inner of g === undefined ? graphs : [g, ...graphs]) visit(inner);
      }
    }
  };
  visit(graph);
  return names;
}

/** One node on its way to an open batch dimension. */
export class NodeRewriter {
  readonly context: RewriteContext;
  readonly #index: number;
  #call: Call;

  constructor(context: RewriteContext, index: number, call: Call) {
    this.context = context;
    this.#index = index;
    this.#call = call;
  }

  /** The node with what is known of its inputs, changes included. */
  get call(): Call {
    return this.#call;
  }

  get node(): NodeProto {
    return this.#call.node;
  }

  /** Facts of an input; empty for one that is left out. */
  operand(slot: number): Facts {
    return this.#call.operands[slot] ?? {};
  }

  refuse(reason: string): never {
    throw refuseNode(this.node, reason);
  }

  /** Leaves the question to the run that follows. */
  assume(why: string): void {
    this.context.assumed.add(`${this.node.op_type} ${nameOf(this.node)} (${why})`);
  }

  note(change: string): void {
    this.context.changes.push(`${this.node.op_type} ${nameOf(this.node)}: ${change}`);
  }

  /** Adds a node before this one. */
  insert(opType: string, inputs: readonly string[], attribute?: readonly AttributeProto[]): string {
    return this.context.insert(this.#index, opType, inputs, attribute);
  }

  constant(values: readonly number[]): string {
    return this.context.constant(this.#index, values);
  }

  /** Lets the node read another value in an input's place. */
  setInput(slot: number, name: string, facts: Facts): void {
    const { edits } = this.context;
    edits.replace('node', this.#index, withInput(edits.get('node', this.#index), slot, name));
    const operands = [...this.#call.operands];
    const input = [...this.node.input];
    operands[slot] = facts;
    input[slot] = name;
    this.#call = { ...this.#call, operands, node: { ...this.node, input } };
  }

  setAttribute(attribute: AttributeProto): void {
    const { edits } = this.context;
    const bytes = attributeCodec.encode(attribute);
    const node = edits.get('node', this.#index);
    edits.replace('node', this.#index, withAttribute(node, attribute.name, bytes));
    const others = this.node.attribute.filter(({ name }) => name !== attribute.name);
    this.#call = { ...this.#call, node: { ...this.node, attribute: [...others, attribute] } };
  }

  /** Lets the node read a list of integers, from the attribute or the input that has it now. */
  setInts(name: string, slot: number, values: readonly Extent[]): void {
    if (this.node.attribute.some((attribute) => attribute.name === name)) {
      if (!values.every((value) => typeof value === 'number')) {
        this.refuse(`takes its ${name} as fixed numbers in this operator set`);
      }
      this.setAttribute({ name, type: 7, ints: [...values] });
      return;
    }
    const facts = { dims: [values.length], values, elementType: elementTypeOf.INT64 };
    this.setInput(slot, this.#vector(values), facts);
  }

  /**
   * Changes some elements of a list of integers, of which others may be known at run time only.
   *
   * @param now the list, as far as it is known
   * @param changed the list that is wanted: an element that differs must be a known number in both
   */
  changeInts(name: string, slot: number, now: readonly Extent[], changed: readonly Extent[]): void {
    if (changed.every((value) => value !== undefined)) {
      this.setInts(name, slot, changed);
      return;
    }
    const offsets = now.map((value, i) => {
      const wanted = changed[i];
      if (value === wanted) return 0;
      if (typeof value === 'number' && typeof wanted === 'number') return wanted - value;
      return this.refuse(`takes its ${name} from sizes that cannot be told from the file`);
    });
    const moved = this.insert('Add', [this.node.input[slot] ?? '', this.constant(offsets)]);
    this.setInput(slot, moved, { ...this.operand(slot), values: changed });
  }

  /** A value repeated for each row along an axis where it has one element. */
  spread(slot: number, axis: number): void {
    const facts = this.operand(slot);
    const dims = facts.dims ?? [];
    const target = dims.map((_, i): Extent => (i === axis ? batchExtent : 1));
    const name = this.insert('Expand', [this.node.input[slot] ?? '', this.#vector(target)]);
    this.setInput(slot, name, {
      ...facts,
      dims: dims.map((d, i) => (i === axis ? batchExtent : d)),
    });
    this.note(`input ${slot + 1} is repeated for each row`);
  }

  /** The first of the equal rows that a value has along an axis. */
  firstRow(slot: number, axis: number): void {
    const facts = this.operand(slot);
    const name = this.insert(
      'Gather',
      [this.node.input[slot] ?? '', this.constant([0])],
      [{ name: 'axis', type: 2, i: axis }],
    );
    const dims = facts.dims?.map((d, i) => (i === axis ? 1 : d));
    this.setInput(slot, name, { ...facts, dims, constant: undefined, values: undefined });
    this.note(`one row of input ${slot + 1} is taken for all`);
  }

  /** Name of a vector with these elements, where those per row are computed from the batch. */
  #vector(values: readonly Extent[]): string {
    const parts: string[] = [];
    let numbers: number[] = [];
    const flush = (): void => {
      if (numbers.length > 0) parts.push(this.constant(numbers));
      numbers = [];
    };
    for (const value of values) {
      if (typeof value === 'number') numbers.push(value);
      else if (isPerRow(value)) {
        flush();
        parts.push(this.#rowsTimes(value));
      } else this.refuse('needs a size that cannot be told from the file');
    }
    flush();
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    return this.insert('Concat', parts, [{ name: 'axis', type: 2, i: 0 }]);
  }

  #rowsTimes({ perRow }: PerRow): string {
    const rows = this.context.rowsVector();
    return perRow === 1 ? rows : this.insert('Mul', [rows, this.constant([perRow])]);
  }
}
