import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { ValueMetadata } from './protocol.ts';

type Shape = readonly (number | string)[];

/**
 * The dimensions of one row of each input. An open dimension takes its size from the shape given
 * for its input, or from another input that has a dimension of the same name.
 *
 * @param batched for each input, whether its first dimension is the batch, to be left out
 * @throws DnnScalerError `invalid-argument` naming the inputs whose dimensions stay open, with an
 *   example of how to give them, or a given shape that the model contradicts
 */
export function resolveDims(
  inputs: readonly ValueMetadata[],
  batched: readonly boolean[],
  rowsPerRun: number | 'any',
  shapes: Readonly<Record<string, readonly number[]>>,
): number[][] {
  const sizes = new Map<string, number>();
  for (const [index, input] of inputs.entries()) {
    const given = shapes[input.name];
    if (given !== undefined) takeSizes(input, given, batched[index] ? 1 : 0, sizes);
    // Elsewhere, as in a state of [2, batch, 128], the batch has the size of the run.
    const [first] = input.shape;
    const named = batched[index] && typeof first === 'string' && first !== '';
    if (named && rowsPerRun !== 'any') sizes.set(first, rowsPerRun);
  }
  const lacking: ValueMetadata[] = [];
  const dims = inputs.map((input, index) => {
    const start = batched[index] ? 1 : 0;
    const resolved = input.shape.map((dim, position) => {
      if (typeof dim === 'number' || position < start) return dim;
      return shapes[input.name]?.[position] ?? sizes.get(dim) ?? dim;
    });
    const row = resolved.slice(start);
    if (row.some((dim) => typeof dim === 'string')) lacking.push({ ...input, shape: resolved });
    return row as number[];
  });
  if (lacking.length > 0)
    throw new DnnScalerError('invalid-argument', ask(lacking, batched, inputs));
  return dims;
}

/** Checks a given shape against the model's, and learns the sizes of named dimensions from it. */
function takeSizes(
  { name, shape }: ValueMetadata,
  given: readonly number[],
  start: number,
  sizes: Map<string, number>,
): void {
  const what = `the shape given for input ${name}`;
  const received = given.join(',');
  if (given.some((dim) => !Number.isSafeInteger(dim) || dim < 1)) {
    throw invalidArgument(what, 'must hold integers of at least 1', received);
  }
  const agrees = (dim: number | string, position: number): boolean =>
    position < start || typeof dim === 'string' || dim === given[position];
  if (given.length !== shape.length || !shape.every(agrees)) {
    throw invalidArgument(what, `must agree with the model's ${show(shape)}`, received);
  }
  for (const [position, dim] of shape.entries()) {
    if (typeof dim === 'number' || dim === '' || position < start) continue;
    const size = given[position] as number;
    if ((sizes.get(dim) ?? size) !== size) {
      const rule = `must give dimension ${dim} the size ${sizes.get(dim)} that it has elsewhere`;
      throw invalidArgument(what, rule, received);
    }
    sizes.set(dim, size);
  }
}

function ask(
  lacking: readonly ValueMetadata[],
  batched: readonly boolean[],
  inputs: readonly ValueMetadata[],
): string {
  const sentences = lacking.map(({ name, shape }) => {
    const index = inputs.findIndex((input) => input.name === name);
    const start = batched[index] ? 1 : 0;
    const declared = inputs[index]?.shape ?? shape;
    const open = declared
      .map((dim, position) => ({ dim, position }))
      .filter(({ position }) => position >= start && typeof shape[position] === 'string')
      .map(({ dim, position }) => (dim === '' ? `number ${position + 1}` : String(dim)));
    const what =
      open.length === 1 ? `dimension ${open[0]} is` : `dimensions ${open.join(', ')} are`;
    return `input ${name} has the shape ${show(declared)}, whose ${what} open`;
  });
  const examples = lacking.map(({ name, shape }) => `--shape ${name}=${example(shape)}`);
  return `${sentences.join('; ')}: give the shape, for example ${examples.join(' ')}`;
}

/** A likely shape: images are square, sequences have 128 steps, and a batch is 1 here. */
function example(shape: Shape): string {
  const likely = shape.length === 4 ? 224 : 128;
  return shape
    .map((dim, position) => (typeof dim === 'number' ? dim : position === 0 ? 1 : likely))
    .join(',');
}

function show(shape: Shape): string {
  return `[${shape.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;
}
