import { createServer } from 'node:http';
import type {
  IncomingMessage,
  RequestListener,
  Server,
  ServerOptions,
  ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import { DirectRequest } from './direct-request.ts';
import type { HttpSettings } from './options.ts';

/**
 * Node's own server, with the limits set.
 *
 * @throws DnnScalerError `invalid-argument` for unusable TLS texts
 */
export function createNodeServer(settings: HttpSettings, handler: RequestListener): Server {
  const { limits, tls } = settings;
  const options: ServerOptions<typeof DirectRequest> = {
    IncomingMessage: DirectRequest,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    requireHostHeader: false, // it is required, with an answer that says so, when a request begins
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(limits.headersTimeoutMs / 2)),
  };
  const server =
    tls === undefined
      ? createServer(options, handler)
      : createSecureServer(
          { ...options, ...tls, handshakeTimeout: limits.headersTimeoutMs },
          handler,
        );
  server.maxConnections = limits.maxConnections;
  // Without this listener a client is told to send even what is refused by its length.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const length = Number(request.headers['content-length'] ?? 0);
    if (length <= limits.maxBodyBytes) response.writeContinue();
    server.emit('request', request, response);
  });
  return server;
}

function createSecureServer(
  options: Parameters<typeof createTlsServer>[0],
  handler: RequestListener,
): Server {
  try {
    return createTlsServer(options, handler);
  } catch (error) {
    const reason = toDnnScalerError(error).message;
    const message = `the TLS certificate and key must be PEM texts that belong together: ${reason}`;
    throw new DnnScalerError('invalid-argument', message, { cause: error });
  }
}

/** Tells a connection that its bytes are no request, or came too slowly, and closes it. */
export function answerUnreadable(
  error: Error & { code: string },
  socket: Socket,
  writeTimeoutMs: number,
): void {
  // Every answer is handed to the socket whole, so this one comes after it, not inside.
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = unreadable[error.code] ?? ['400 Bad Request', 'malformed HTTP request'];
  const body = JSON.stringify({ error: message });
  const headers = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
  socket.setTimeout(writeTimeoutMs, () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`, () => socket.destroy());
}

const unreadable: Readonly<Record<string, readonly [string, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too long'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'the chunk extensions are too long'],
};
