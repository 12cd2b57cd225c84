import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { Datatype } from '../../tensor/dtype.ts';
import type { TensorSpec } from '../../tensor/row.ts';
import { resolveDims } from './open-dimensions.ts';
import type { ModelMetadata, ValueMetadata } from './protocol.ts';
import { datatypeOfRuntime } from './runtime-types.ts';

/** One input or output of the model, and what a row holds of it. */
export interface TensorLayout extends TensorSpec {
  /**
   * True when its first dimension is the batch, which `dims` leaves out. Otherwise each row carries
   * the whole tensor, and a batch is one row.
   */
  readonly batched: boolean;
}

/** An input: `dims` are those of warm-up runs, with a size given for each dimension left open. */
export interface InputTensorLayout extends TensorLayout {
  /** Dimensions of one row as the model declares them; -1 where it leaves them open. */
  readonly declaredDims: readonly number[];
}

/** How rows become the inputs of a run. */
export interface InputLayout {
  readonly inputs: readonly InputTensorLayout[];
  /** Rows of every run, or `any`. */
  readonly rowsPerRun: number | 'any';
  /** Why rows per run are limited, in sentences for people. */
  readonly notes: readonly string[];
}

/**
 * Finds the batch dimension of a model and resolves its other open dimensions.
 *
 * The batch is the first dimension of every input, either open in all of them or fixed at the same
 * size. When only some inputs have one, a run takes one row, and the other inputs are carried whole.
 *
 * @param shapes dimensions by input name, batch position included
 * @param foreignShapes what becomes of those for inputs that the model has not
 * @throws DnnScalerError `invalid-argument` when open dimensions are not given, or given wrong;
 *   `unsupported` for inputs that cannot be made
 */
export function layoutInputs(
  metadata: ModelMetadata,
  shapes: Readonly<Record<string, readonly number[]>>,
  foreignShapes: 'refused' | 'ignored' = 'refused',
): InputLayout {
  const foreign = foreignTo(metadata.inputs, shapes, foreignShapes);
  const inputs = withGivenRanks(metadata.inputs, shapes);
  if (inputs.length === 0) throw new DnnScalerError('unsupported', 'the model has no inputs');
  const datatypes = inputs.map(inputDatatype);
  const { batched, rowsPerRun, notes } = findBatch(inputs);
  const dims = resolveDims(inputs, batched, rowsPerRun, shapes);
  return {
    inputs: inputs.map(({ name, shape }, index) => ({
      name,
      datatype: datatypes[index] as Datatype,
      dims: dims[index] as number[],
      declaredDims: (batched[index] ? shape.slice(1) : shape).map((dim) =>
        typeof dim === 'number' ? dim : -1,
      ),
      batched: batched[index] as boolean,
    })),
    rowsPerRun,
    notes: [
      ...notes,
      ...foreign.map((name) => `the shape of ${name} is for no input of this model`),
    ],
  };
}

/** Names of shapes for inputs that the model has not. */
function foreignTo(
  inputs: readonly ValueMetadata[],
  shapes: Readonly<Record<string, readonly number[]>>,
  foreignShapes: 'refused' | 'ignored',
): readonly string[] {
  const names = inputs.map(({ name }) => name);
  const foreign = Object.keys(shapes).filter((name) => !names.includes(name));
  if (foreign.length === 0 || foreignShapes === 'ignored') return foreign;
  throw invalidArgument(
    'a shape',
    `must name an input of the model (${names.join(', ')})`,
    foreign[0],
  );
}

/** The same inputs when their fixed first dimension turned out to be no batch: carried whole. */
export function carryWhole(layout: InputLayout, reason: string): InputLayout {
  const { inputs, rowsPerRun } = layout;
  if (rowsPerRun === 'any')
    throw new DnnScalerError('internal', 'an open batch needs no such thing');
  return {
    inputs: inputs.map((input) => ({
      ...input,
      dims: input.batched ? [rowsPerRun, ...input.dims] : input.dims,
      declaredDims: input.batched ? [rowsPerRun, ...input.declaredDims] : input.declaredDims,
      batched: false,
    })),
    rowsPerRun: 1,
    notes: [`each request is a run of its own and carries whole tensors: ${reason}`],
  };
}

function inputDatatype({ name, type }: ValueMetadata): Datatype {
  if (type === undefined) {
    throw new DnnScalerError('unsupported', `input ${name} of the model is not a tensor`);
  }
  const datatype = datatypeOfRuntime(type);
  if (datatype !== undefined) return datatype;
  const message = `input ${name} of the model has the element type ${type}, which cannot be made in Node.js`;
  throw new DnnScalerError('unsupported', message);
}

/** The runtime shows an input without a declared shape as a scalar; a shape given for it counts. */
function withGivenRanks(
  inputs: readonly ValueMetadata[],
  shapes: Readonly<Record<string, readonly number[]>>,
): readonly ValueMetadata[] {
  return inputs.map((input) => {
    const given = shapes[input.name];
    if (given === undefined || input.shape.length > 0) return input;
    return { ...input, shape: given.map(() => '') };
  });
}

/** What stands in an input's place for the question of where the batch is. */
type Shaped = Pick<ValueMetadata, 'name' | 'shape'>;

export interface Batch {
  /** For each input, whether its first dimension is the batch. */
  readonly batched: readonly boolean[];
  readonly rowsPerRun: number | 'any';
  readonly notes: readonly string[];
}

/**
 * Whether the first dimension is open, and not the same as an inner dimension of another input that
 * opens with its own: the sequence of [seq] beside [batch, seq] is no batch.
 */
function opensWithBatch(input: Shaped, inputs: readonly Shaped[]): boolean {
  const [first] = input.shape;
  if (typeof first !== 'string') return false;
  const others = inputs.filter((other) => other !== input && typeof other.shape[0] === 'string');
  return first === '' || !others.some(({ shape }) => shape.slice(1).includes(first));
}

/**
 * Where the batch is, by the declared shapes alone; open dimensions are their names, or '' without
 * one. See `layoutInputs` for the rule.
 */
export function findBatch(inputs: readonly Shaped[]): Batch {
  const opens = inputs.map((input) => opensWithBatch(input, inputs));
  const all = inputs.map(() => true);
  if (opens.every(Boolean)) return { batched: all, rowsPerRun: 'any', notes: [] };

  const [size] = inputs[0]?.shape ?? [];
  const sameSize = inputs.every(({ shape }) => shape[0] === size);
  if (size === 1 && sameSize) {
    const notes = ['the batch dimension is fixed at 1 in the model'];
    return { batched: all, rowsPerRun: 1, notes };
  }
  // A lone fixed dimension is a vector rather than a batch of scalars.
  if (typeof size === 'number' && sameSize && inputs.every(({ shape }) => shape.length > 1)) {
    const notes = [
      `the batch dimension is fixed at ${size} in the model; smaller batches are padded to it`,
    ];
    return { batched: all, rowsPerRun: size, notes };
  }

  const batched = inputs.map(({ shape }, index) => opens[index] === true || shape[0] === 1);
  const whole = inputs.filter((_, index) => !batched[index]).map(({ name }) => name);
  const subject = whole.length === 1 ? `input ${whole[0]} has` : `inputs ${whole.join(', ')} have`;
  const notes = [
    whole.length === 0
      ? 'batches are limited to 1 row: the batch dimension is fixed at 1 in some inputs of the model'
      : `batches are limited to 1 row: ${subject} no batch dimension in front`,
  ];
  return { batched, rowsPerRun: 1, notes };
}
