import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../clock.ts';
import type { TraceContext } from '../../oip/trace-context.ts';
import { traceContextOf, traceIdOf } from '../../oip/trace-context.ts';
import { answerEncoding, compress, leastCompressedBytes } from './answer-encoding.ts';
import { errorAnswer } from './status.ts';

/** How answers are written, for the whole server. */
export interface Answering {
  readonly clock: Clock;
  readonly writeTimeoutMs: number;
  /** Whether requests write to the server's own log, and not to one that names the request. */
  readonly sharesLog: boolean;
  /** True once the server is stopping: connections then end with their next answer. */
  isStopping: boolean;
}

const jsonType = 'application/json';
/** Up to here, copying pieces into one costs less than writing them one by one. */
const joinedBytes = 64 * 2 ** 10;
/** How long a body that nobody wants may keep coming after its answer. */
const lingerMs = 2000;

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  /** Of the body, in order; must stay unchanged until sent. */
  readonly parts?: readonly Uint8Array[];
}

/**
 * Answers a request, compressed where the client asks for that; does nothing when the client has left
 * or has been answered.
 */
export function answer(answering: Answering, reply: FastifyReply, whole: Answer): void {
  reply.hijack();
  const { parts = [] } = whole;
  const { method, headers: asked } = reply.request.raw;
  const encoding =
    lengthOf(parts) < leastCompressedBytes || method === 'HEAD'
      ? undefined
      : answerEncoding(asked['accept-encoding']);
  if (encoding === undefined) {
    send(answering, reply, whole);
    return;
  }
  compress(encoding, parts, (error, bytes) => {
    if (error !== null) send(answering, reply, whole);
    else {
      const headers = { ...whole.headers, 'content-encoding': encoding, vary: 'accept-encoding' };
      send(answering, reply, { ...whole, headers, parts: [bytes] });
    }
  });
}

function send(
  answering: Answering,
  reply: FastifyReply,
  { status, headers, parts = [] }: Answer,
): void {
  const response = reply.raw;
  if (response.headersSent || response.destroyed) return;
  const byteLength = lengthOf(parts);
  response.writeHead(status, {
    ...headers,
    'content-length': byteLength,
    ...traceOf(reply.request.raw),
    ...(answering.isStopping && { connection: 'close' }),
  });
  if (parts.length <= 1) {
    response.end(parts[0]);
  } else if (byteLength <= joinedBytes) {
    response.end(Buffer.concat(parts, byteLength));
  } else {
    response.cork();
    for (const part of parts) response.write(part);
    response.end();
  }
  dropSlowReader(answering, response);
  dropUnwantedBody(answering, reply.request.raw);
}

/** Answers with a value as JSON. */
export function answerJson(
  answering: Answering,
  reply: FastifyReply,
  value: unknown,
  status = 200,
): void {
  const parts = [Buffer.from(JSON.stringify(value))];
  answer(answering, reply, { status, headers: { 'content-type': jsonType }, parts });
}

/** Answers with an error, whatever was thrown; faults of the server are logged. */
export function answerError(
  answering: Answering,
  request: FastifyRequest,
  reply: FastifyReply,
  thrown: unknown,
): void {
  const { status, message, headers } = errorAnswer(thrown);
  if (status === 500) {
    const trace = answering.sharesLog ? traceOf(request.raw) : undefined;
    const traced = trace === undefined ? {} : { traceId: traceIdOf(trace) };
    request.log.error({ err: thrown, ...traced }, message);
  }
  const parts = [Buffer.from(JSON.stringify({ error: message }))];
  answer(answering, reply, { status, headers: { ...headers, 'content-type': jsonType }, parts });
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
}

/** What a request says of the trace that it is part of. */
export function traceOf({ headers }: IncomingMessage): TraceContext | undefined {
  return traceContextOf(headers.traceparent, headers.tracestate);
}

/** Ends a connection whose client does not read what it asked for. */
function dropSlowReader(answering: Answering, response: ServerResponse): void {
  const { socket } = response;
  // When Node has the answer off its hands it sets the timeout for idle connections.
  if (socket !== null && socket.writableLength > 0) socket.setTimeout(answering.writeTimeoutMs);
}

/** Ends a connection that goes on sending a body, which Node discards, after its request was refused. */
function dropUnwantedBody({ clock }: Answering, request: IncomingMessage): void {
  const { headers } = request;
  const hasBody =
    headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (request.complete || !hasBody) return;
  // Closing at once could reset the connection before the client has read the answer.
  const timer = clock.setTimer(lingerMs, () => {
    if (!request.complete) request.socket.destroy();
  });
  request.once('close', () => clock.clearTimer(timer));
}
