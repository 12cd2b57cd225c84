import { inspect } from 'node:util';
import type { DnnScalerError } from '../errors.ts';
import { invalidArgument } from '../errors.ts';

/**
 * `invalidArgument` for a value that came from outside, which may be nested deeply, huge, or hold
 * bigints: only its outline is shown.
 */
export function invalidValue(what: string, rule: string, received: unknown): DnnScalerError {
  const isPlain = typeof received !== 'object' || received === null;
  return invalidArgument(what, rule, isPlain ? shortened(received) : new Outline(received));
}

function shortened(value: unknown): unknown {
  return typeof value === 'string' && value.length > longest
    ? `${value.slice(0, longest)}...`
    : value;
}

const longest = 120;

/** Shows as the first elements of an array, or the first members of an object. */
class Outline {
  readonly #value: object;

  constructor(value: object) {
    this.#value = value;
  }

  [inspect.custom](): string {
    return inspect(this.#value, {
      depth: 1,
      maxArrayLength: 16,
      maxStringLength: longest,
      breakLength: Infinity,
    });
  }
}
