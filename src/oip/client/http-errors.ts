import type { ErrorCode } from '../../errors.ts';
import { DnnScalerError } from '../../errors.ts';

const codesByStatus: Readonly<Record<number, ErrorCode>> = {
  404: 'not-found',
  408: 'deadline-exceeded',
  429: 'unavailable',
  499: 'cancelled',
  501: 'unsupported',
  502: 'unavailable',
  503: 'unavailable',
  504: 'deadline-exceeded',
  507: 'resource-exhausted',
};

/** What a status of a server means in our closed set of codes. */
export function codeOfStatus(status: number): ErrorCode {
  return codesByStatus[status] ?? (status >= 400 && status < 500 ? 'invalid-argument' : 'internal');
}

const longestQuoted = 300;

/**
 * The error that an answer other than 200 stands for, with the server's own words: the protocol's
 * `{"error": "..."}`, or the beginning of whatever else came.
 */
export function errorFromAnswer(status: number, body: Buffer): DnnScalerError {
  const words = wordsOf(body.toString('utf8', 0, 64 * longestQuoted)).trim();
  const quoted = words.length > longestQuoted ? `${words.slice(0, longestQuoted)}...` : words;
  const said = quoted === '' ? 'without a message' : `with: ${quoted}`;
  return new DnnScalerError(codeOfStatus(status), `the server answered ${status} ${said}`);
}

function wordsOf(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    const { error, detail } = Object(parsed) as { error?: unknown; detail?: unknown };
    // FastAPI, under KServe and MLServer, answers some errors with `detail`.
    const said = error ?? detail;
    if (said !== undefined) return typeof said === 'string' ? said : JSON.stringify(said);
  } catch {
    // Not JSON: a proxy's page, say.
  }
  return text;
}

/** Why no answer came: a closed set of reasons, for counting. */
export type LossReason =
  | 'connection refused'
  | 'connection closed'
  | 'connect timeout'
  | 'unreachable'
  | 'host not found'
  | 'certificate refused'
  | 'too many open files'
  | 'not HTTP'
  | 'answer too large'
  | 'cancelled'
  | 'other';

interface Loss {
  readonly reason: LossReason;
  readonly code: ErrorCode;
  readonly sentence: string;
}

const refusedCertificate: Loss = {
  reason: 'certificate refused',
  code: 'invalid-argument',
  sentence:
    "the server's certificate is not trusted: name its authority's file in NODE_EXTRA_CA_CERTS",
};
const closed: Loss = {
  reason: 'connection closed',
  code: 'unavailable',
  sentence: 'the server closed the connection without answering',
};
const timedOut: Loss = {
  reason: 'connect timeout',
  code: 'deadline-exceeded',
  sentence: 'no connection was made in time',
};
const unreachable: Loss = {
  reason: 'unreachable',
  code: 'unavailable',
  sentence: 'no route leads there',
};
const unknownHost: Loss = {
  reason: 'host not found',
  code: 'not-found',
  sentence: 'no such host is known',
};

/** By the `code` of Node's and undici's errors. */
const losses: Readonly<Record<string, Loss>> = {
  ECONNREFUSED: {
    reason: 'connection refused',
    code: 'unavailable',
    sentence: 'the connection was refused; is the server running?',
  },
  ECONNRESET: closed,
  EPIPE: closed,
  UND_ERR_SOCKET: closed,
  UND_ERR_CONNECT_TIMEOUT: timedOut,
  ETIMEDOUT: timedOut,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  EMFILE: {
    reason: 'too many open files',
    code: 'resource-exhausted',
    sentence: 'this process may open no more connections: raise its limit (ulimit -n)',
  },
  UND_ERR_RES_EXCEEDED_MAX_SIZE: {
    reason: 'answer too large',
    code: 'resource-exhausted',
    sentence: 'the answer is larger than this client accepts',
  },
};

/** What went wrong on the way to a server, from what undici threw. */
export function lossFrom(
  thrown: Error,
  origin: string,
): { readonly reason: LossReason; readonly error: DnnScalerError } {
  const { code = '' } = thrown as NodeJS.ErrnoException;
  const { reason, code: ours, sentence } = lossOf(code, thrown);
  return {
    reason,
    error: new DnnScalerError(ours, `${origin}: ${sentence}`, { cause: thrown }),
  };
}

function lossOf(code: string, { name, message }: Error): Loss {
  const known = losses[code];
  if (known !== undefined) return known;
  if (/CERT|SELF_SIGNED/.test(code)) return refusedCertificate;
  if (name === 'HTTPParserError' || code.startsWith('ERR_SSL_')) {
    const sentence = `what answers there does not speak HTTP/1.1 as expected (${message})`;
    return { reason: 'not HTTP', code: 'internal', sentence };
  }
  return { reason: 'other', code: 'unavailable', sentence: message || code };
}
