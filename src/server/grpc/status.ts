import { status } from '@grpc/grpc-js';
import type { ErrorCode } from '../../errors.ts';
import { DnnScalerError } from '../../errors.ts';

/** What each kind of error is in gRPC. */
const statusOfCode: Readonly<Record<ErrorCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  unsupported: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  internal: status.INTERNAL,
};

/** A call that ends with a status of gRPC that no error of ours stands for. */
export class GrpcProblem extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.name = 'GrpcProblem';
    this.code = code;
  }
}

/** How a call that failed ends. */
export interface FailedStatus {
  readonly code: status;
  readonly details: string;
}

/** Trailers travel in headers, which clients limit to 8 KiB or so, percent-encoded. */
const longestDetails = 1024;

/** Whether the error was thrown on purpose, with a message for the client. */
export function isForeseen(thrown: unknown): boolean {
  return thrown instanceof GrpcProblem || thrown instanceof DnnScalerError;
}

/** Any thrown value as the end of a call. Faults that nobody foresaw keep their text to themselves. */
export function failedStatus(thrown: unknown): FailedStatus {
  if (thrown instanceof GrpcProblem) return { code: thrown.code, details: thrown.message };
  if (thrown instanceof DnnScalerError) {
    return { code: statusOfCode[thrown.code], details: sendable(thrown.message) };
  }
  return { code: status.INTERNAL, details: 'internal error' };
}

/** Half a surrogate pair, as a cut text may end with, cannot be percent-encoded. */
function sendable(text: string): string {
  return Buffer.from(text.slice(0, longestDetails)).toString();
}
