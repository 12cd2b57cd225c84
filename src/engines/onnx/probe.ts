import { DnnScalerError } from '../../errors.ts';
import { Random } from '../../random.ts';
import { elementCount } from '../../tensor/dtype.ts';
import type { Datatype, TensorData } from '../../tensor/dtype.ts';
import type { Row } from '../../tensor/row.ts';
import { packBatch, unpack } from './batch.ts';
import type { InstanceOutcome } from './instance.ts';
import { fills, makeUpRow } from './made-up-rows.ts';
import { carryWhole } from './model-layout.ts';
import type { InputLayout, TensorLayout } from './model-layout.ts';
import type { ModelMetadata, PackedBatch, PackedTensor, ValueMetadata } from './protocol.ts';
import { datatypeOfRuntime } from './runtime-types.ts';
import { sameTensor } from './same-tensor.ts';
import { validateRow } from './validate-row.ts';

/** What is known of a model once it has run: how rows go in, how replies come out. */
export interface ModelLayout extends InputLayout {
  readonly outputs: readonly TensorLayout[];
  /** A row that the model accepts, for warm-up runs. */
  readonly knownGood: Row;
}

export interface ProbeOptions {
  readonly metadata: ModelMetadata;
  readonly layout: InputLayout;
  readonly run: (batch: PackedBatch) => Promise<InstanceOutcome>;
  readonly sampleRow: Row | undefined;
  /** Rows that a batch may have at most. */
  readonly maxBatchSize: number;
  readonly seed: number;
}

/** Outputs of one run that ended well. */
interface Result {
  readonly tensors: readonly PackedTensor[];
  readonly buffer: ArrayBuffer;
}

/** One output that is a tensor. */
interface Declared {
  readonly name: string;
  readonly datatype: Datatype;
  /** As the model declares it, the batch's place included; texts stand for open dimensions. */
  readonly shape: ValueMetadata['shape'];
}

/**
 * Runs a few rows to see what the metadata cannot tell: whether the rows of a batch are really
 * independent (a reshape to a fixed size, or a normalisation over the batch, breaks that without a
 * trace in the metadata), and the dimensions of the outputs. Where batches do not work, rows run
 * one at a time and a note says why.
 *
 * @throws DnnScalerError what the model says to every row that was tried, or `unsupported` when
 *   none of its outputs is a tensor
 */
export async function probeModel(options: ProbeOptions): Promise<ModelLayout> {
  const { layout, metadata } = options;
  const outputs = declaredOutputs(metadata);
  const skipped = metadata.outputs.filter(({ type }) => type === undefined).map(({ name }) => name);
  const notes = [...layout.notes];
  if (skipped.length > 0) {
    notes.push(`outputs that are no tensors are left out: ${skipped.join(', ')}`);
  }
  const rows = await findRows(options, layout);
  if (layout.rowsPerRun === 1) return finish({ ...layout, notes }, outputs, rows);
  const mayBatch = layout.rowsPerRun !== 'any' || options.maxBatchSize > 1;
  const fault = mayBatch ? await batchFault(options, outputs, rows) : undefined;
  if (fault === undefined) return finish({ ...layout, notes }, outputs, rows);
  if (layout.rowsPerRun !== 'any') {
    const whole = carryWhole(layout, fault);
    const wholeNotes = [...notes.slice(layout.notes.length), ...whole.notes];
    // A sample that was given is of the rows that there turned out to be none of.
    const wholeRows = await findRows({ ...options, sampleRow: undefined }, whole);
    return finish({ ...whole, notes: wholeNotes }, outputs, wholeRows);
  }
  notes.push(`batches are limited to 1 row: ${fault}`);
  return finish({ ...layout, rowsPerRun: 1, notes }, outputs, rows);
}

/** Two rows that the model accepts, and their single runs. */
interface Rows {
  readonly first: Row;
  readonly second: Row;
  readonly firstResult: Result;
  readonly secondResult: Result;
}

async function findRows(options: ProbeOptions, layout: InputLayout): Promise<Rows> {
  const { inputs } = layout;
  const random = new Random(options.seed);
  const candidates: (readonly [Row, Row])[] = [];
  if (options.sampleRow !== undefined) {
    validateRow({ inputs }, options.sampleRow);
    candidates.push([options.sampleRow, makeUpRow(inputs, 'random', random)]);
  } else {
    for (const fill of fills) {
      candidates.push([makeUpRow(inputs, fill, random), makeUpRow(inputs, fill, random)]);
    }
  }
  let refusal: DnnScalerError | undefined;
  for (const [first, second] of candidates) {
    const outcome = await runRows(options, layout, [first]);
    if (outcome.kind === 'failed') {
      refusal ??= outcome.error;
      continue;
    }
    const firstResult = resultOf(outcome);
    const other = await runRows(options, layout, [second]);
    if (other.kind === 'failed')
      return { first, second: first, firstResult, secondResult: firstResult };
    return { first, second, firstResult, secondResult: resultOf(other) };
  }
  const shapes = inputs.map(({ name, dims }) => `${name} [${dims.join(', ')}]`).join(', ');
  const what = options.sampleRow === undefined ? 'made-up rows' : 'the sample row';
  const message = `the model rejects ${what} of the shapes ${shapes}: ${refusal?.message ?? ''}`;
  // Whatever the runtime calls it, it is the shapes or values that do not suit.
  const code = refusal?.code === 'resource-exhausted' ? refusal.code : 'invalid-argument';
  throw new DnnScalerError(code, message);
}

/** Why rows cannot share a run; undefined when each row of a batch gives what it gives alone. */
async function batchFault(
  options: ProbeOptions,
  outputs: readonly Declared[],
  rows: Rows,
): Promise<string | undefined> {
  const { layout } = options;
  const outcome = await runRows(options, layout, [rows.first, rows.second]);
  if (outcome.kind === 'failed') return `a batch of 2 rows fails (${outcome.error.message})`;
  const pair = resultOf(outcome);
  const size = layout.rowsPerRun === 'any' ? 2 : layout.rowsPerRun;
  for (const [index, { name }] of outputs.entries()) {
    const { dims } = pair.tensors[index] as PackedTensor;
    if (dims[0] === size) continue;
    return `output ${name} has the shape [${dims.join(', ')}] for a batch of ${size} rows`;
  }
  const differing = outputs.find(
    (output, index) =>
      !sameRow(output.datatype, index, rows.firstResult, 0, pair, 0) ||
      !sameRow(output.datatype, index, rows.secondResult, 0, pair, 1),
  );
  if (differing === undefined) return undefined;
  const again = resultOf(await runRows(options, layout, [rows.first]));
  const repeats = outputs.every(({ datatype }, index) =>
    sameRow(datatype, index, rows.firstResult, 0, again, 0),
  );
  // A model that draws random numbers does not even agree with itself.
  if (!repeats) return undefined;
  return `in a batch of ${size}, rows change each other's output ${differing.name}`;
}

function sameRow(
  datatype: Datatype,
  index: number,
  a: Result,
  rowOfA: number,
  b: Result,
  rowOfB: number,
): boolean {
  const left = sourceOf(datatype, index, a);
  const right = sourceOf(datatype, index, b);
  if (left.dims.join() !== right.dims.join()) return false;
  const length = elementCount(left.dims);
  const part = ({ data }: RowSource, row: number): TensorData =>
    data.slice(row * length, (row + 1) * length);
  return sameTensor(datatype, part(left, rowOfA), part(right, rowOfB));
}

interface RowSource {
  readonly data: TensorData;
  readonly dims: readonly number[];
}

function sourceOf(datatype: Datatype, index: number, { tensors, buffer }: Result): RowSource {
  const packed = tensors[index] as PackedTensor;
  return { data: unpack({ datatype }, packed, buffer), dims: packed.dims.slice(1) };
}

/** Runs so many rows, or as many as a run has to have. */
export async function runRows(
  { run }: Pick<ProbeOptions, 'run'>,
  { inputs, rowsPerRun }: Pick<InputLayout, 'inputs' | 'rowsPerRun'>,
  rows: readonly Row[],
): Promise<InstanceOutcome> {
  const size = rowsPerRun === 'any' ? rows.length : rowsPerRun;
  return run(packBatch(inputs, rows, size, (bytes) => new ArrayBuffer(bytes)));
}

/** @throws DnnScalerError why the run gave no result */
export function resultOf(outcome: InstanceOutcome): Result {
  if (outcome.kind === 'done') return outcome;
  throw outcome.error;
}

function declaredOutputs(metadata: ModelMetadata): readonly Declared[] {
  const outputs: Declared[] = [];
  for (const { name, type, shape } of metadata.outputs) {
    const datatype = type === undefined ? undefined : datatypeOfRuntime(type);
    if (datatype !== undefined) outputs.push({ name, datatype, shape });
    else if (type !== undefined) {
      const message = `output ${name} of the model has the element type ${type}, which cannot be read in Node.js`;
      throw new DnnScalerError('unsupported', message);
    }
  }
  if (outputs.length > 0) return outputs;
  throw new DnnScalerError('unsupported', 'none of the outputs of the model is a tensor');
}

/**
 * Dimensions that two different rows agree on are taken as settled, others stay open; so do those
 * that the model leaves open where they may follow from an open dimension of an input.
 */
function finish(layout: InputLayout, declared: readonly Declared[], rows: Rows): ModelLayout {
  const size = layout.rowsPerRun === 'any' ? 1 : layout.rowsPerRun;
  const inputsVary = layout.inputs.some(({ declaredDims }) => declaredDims.includes(-1));
  const outputs = declared.map(({ name, datatype, shape }, index): TensorLayout => {
    const first = rows.firstResult.tensors[index]?.dims ?? [];
    const second = rows.secondResult.tensors[index]?.dims ?? [];
    const inBatches = layout.inputs.some(({ batched }) => batched);
    const batched = inBatches && first[0] === size && second[0] === size;
    const mayVary = (axis: number) => inputsVary && typeof shape[axis] === 'string';
    const dims = first.map((dim, axis) => (second[axis] === dim && !mayVary(axis) ? dim : -1));
    return { name, datatype, batched, dims: batched ? dims.slice(1) : dims };
  });
  return { ...layout, outputs, knownGood: rows.first };
}
