import type { ErrorCode } from '../../errors.ts';
import { DnnScalerError } from '../../errors.ts';

/** What each kind of error is in HTTP. Triton's table, and statuses of our own for its rest. */
const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': 400,
  'not-found': 404,
  unsupported: 501,
  unavailable: 503,
  'resource-exhausted': 503,
  'deadline-exceeded': 504,
  cancelled: 499, // as nginx logs a client that closed its request
  internal: 500,
};

/** A fault in how HTTP was used, which no other protocol knows. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'HttpProblem';
    this.status = status;
    this.headers = headers;
  }
}

/** An error as it is answered: status, the text of `{"error": ...}`, and headers of its own. */
export interface ErrorAnswer {
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Any thrown value as an answer. Faults that nobody foresaw keep their text to themselves. */
export function errorAnswer(thrown: unknown): ErrorAnswer {
  if (thrown instanceof HttpProblem) return thrown;
  if (thrown instanceof DnnScalerError) {
    return { status: statusOfCode[thrown.code], message: thrown.message, headers: {} };
  }
  const { statusCode, message } = Object(thrown) as { statusCode?: unknown; message?: unknown };
  // Errors of the router carry a status; those under 500 tell the client what it did wrong.
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, message: String(message), headers: {} };
  }
  return { status: 500, message: 'internal error', headers: {} };
}
