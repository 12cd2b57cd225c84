import { inspect } from 'node:util';

/**
 * The closed set of things that can go wrong. Each protocol and the command line map
 * these codes to their own statuses, in one table each.
 */
export type ErrorCode =
  | 'invalid-argument' // the caller's input breaks a rule
  | 'not-found' // a named thing does not exist
  | 'unsupported' // valid, but this build, model or machine cannot do it
  | 'unavailable' // cannot be served now; trying again later may work
  | 'resource-exhausted' // memory or another budget is used up
  | 'deadline-exceeded' // took longer than its limit
  | 'cancelled' // the caller gave up
  | 'internal'; // a fault of ours, or of the runtime below us

export interface DnnScalerErrorOptions {
  readonly cause?: unknown;
}

/** The one error type this package throws on purpose. The message is one sentence for people. */
export class DnnScalerError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options: DnnScalerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DnnScalerError';
    this.code = code;
  }
}

/**
 * The error for bad input: what was given, the rule it breaks, and the value received.
 *
 * @example invalidArgument('--slo', 'must be a positive duration such as 50ms or 1.5s', 'fast')
 */
export function invalidArgument(what: string, rule: string, received: unknown): DnnScalerError {
  return new DnnScalerError('invalid-argument', `${what} ${rule}; received ${show(received)}`);
}

/** Any thrown value as an error with a code; errors of ours pass through unchanged. */
export function toDnnScalerError(thrown: unknown, code: ErrorCode = 'internal'): DnnScalerError {
  if (thrown instanceof DnnScalerError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DnnScalerError(code, message, { cause: thrown });
}

const longestShown = 120;

function show(value: unknown): string {
  const text =
    typeof value === 'string' || Array.isArray(value)
      ? JSON.stringify(value)
      : inspect(value, { breakLength: Infinity });
  return text.length > longestShown ? `${text.slice(0, longestShown)}...` : text;
}
