import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { RequestListener, Server, ServerOptions, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import fastify, { LogController } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { sleep } from '../../clock.ts';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { DataPlane } from '../../oip/data-plane.ts';
import { Admission } from './admission.ts';
import type { Answering } from './answer.ts';
import { Guard, isLoopback } from './guard.ts';
import { OpenRequests } from './open-requests.ts';
import type { HttpServerOptions, HttpSettings } from './options.ts';
import { checkHttpOptions } from './options.ts';
import { addRoutes, handleError } from './routes.ts';
import { HttpProblem } from './status.ts';

/** A server that is listening. */
export interface HttpServer {
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly port: number;
  /** Requests that were received, in part at least, and not answered yet. */
  openRequests(): number;
  /**
   * Stops listening, finishes every request whose headers have arrived, closes the connections and
   * resolves. A request whose body has not arrived `requestTimeoutMs` later is cut off, and after
   * `graceMs` all are, which cancels them. Calls after the first wait for the same end.
   *
   * @param graceMs default: no limit
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Serves the Open Inference Protocol over HTTP/1.1.
 *
 * @throws DnnScalerError `invalid-argument` for an option out of its range or unusable TLS texts,
 *   and `unavailable` when the address cannot be listened on
 */
export async function startHttpServer(
  plane: DataPlane,
  options: HttpServerOptions = {},
): Promise<HttpServer> {
  const settings = checkHttpOptions(options);
  const answering: Answering = {
    clock: settings.clock,
    writeTimeoutMs: settings.limits.writeTimeoutMs,
    isStopping: false,
  };
  const guard = new Guard({
    ...settings,
    allowedHosts: [settings.host, ...settings.allowedHosts],
  });
  const { maxConcurrentRequests, maxBufferedBytes } = settings.limits;
  const admission = new Admission(maxConcurrentRequests, maxBufferedBytes);
  // Apart, so that a model can be unloaded while inference has used up its share.
  const management = new Admission(maxManagementRequests, 2 * settings.limits.maxBodyBytes);
  const app = createApp(settings, answering);
  const open = new OpenRequests();
  app.addHook('onRequest', (request, reply, done) => {
    open.add(request.raw, reply.raw);
    const { headers, httpVersion } = request.raw;
    const lacksHost = headers.host === undefined && httpVersion !== '1.0';
    done(lacksHost ? new HttpProblem(400, 'the Host header must be given') : undefined);
  });
  addRoutes(app, { plane, settings, guard, admission, management, answering });
  try {
    await app.listen({ host: settings.host, port: settings.port });
  } catch (error) {
    await app.close();
    throw toDnnScalerError(error, 'unavailable');
  }
  const { address, port } = app.server.address() as AddressInfo;
  guard.isExposed = !isLoopback(address);
  const scheme = settings.tls === undefined ? 'http' : 'https';
  let stopped: Promise<void> | undefined;
  return {
    url: `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`,
    port,
    openRequests: () => open.count,
    stop: (graceMs = Infinity) => {
      answering.isStopping = true;
      stopped ??= stop(app, open, settings, graceMs);
      return stopped;
    },
  };
}

function createApp(settings: HttpSettings, answering: Answering): FastifyInstance {
  const onError = handleError(answering);
  const app = fastify({
    ...(settings.logger === undefined ? {} : { loggerInstance: settings.logger }),
    logController: new LogController({ disableRequestLogging: !settings.logRequests }),
    serverFactory: (handler) => createNodeServer(settings, handler),
    // A request that arrives on an open connection while the server stops is still served.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) =>
      answerUnreadable(error, socket, settings.limits.writeTimeoutMs),
    frameworkErrors: onError,
    routerOptions: { maxParamLength: 1024 },
  });
  app.setErrorHandler(onError);
  // Bodies are read by the routes themselves, whatever type they claim to have.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', (request, _reply, done) => {
    forgetContentType(request.raw);
    done();
  });
  return app;
}

/** Leaves only what routes care for, so that the router has nothing to find fault with. */
function forgetContentType(request: IncomingMessage): void {
  const { headers } = request;
  if (headers['content-type'] === undefined) return;
  const type = headers['content-type'].split(';', 1)[0]?.trim().toLowerCase();
  if (type?.startsWith('image/')) headers['content-type'] = type;
  else delete headers['content-type'];
}

function createNodeServer(settings: HttpSettings, handler: RequestListener): Server {
  const { limits, tls } = settings;
  const options: ServerOptions = {
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
function answerUnreadable(
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

/** Requests to the repository at once. */
const maxManagementRequests = 64;

/** How often a stopping server looks for connections that have become idle. */
const stopCheckMs = 25;
/** How long, after the last answer, a request that was under way may still arrive. */
const stopQuietMs = 100;

async function stop(
  app: FastifyInstance,
  open: OpenRequests,
  { clock, limits }: HttpSettings,
  graceMs: number,
): Promise<void> {
  const { server } = app;
  const startMs = clock.nowMs();
  let quietSinceMs = startMs;
  const closed = app.close().then(() => true);
  // Node stops looking for late requests and idle connections once the server is closing.
  let isClosed: boolean;
  do {
    const nowMs = clock.nowMs();
    if (open.count > 0) quietSinceMs = nowMs;
    if (nowMs - startMs >= graceMs || nowMs - quietSinceMs >= stopQuietMs) {
      server.closeAllConnections();
    } else if (nowMs - startMs >= limits.requestTimeoutMs) {
      open.dropIncomplete();
    }
    server.closeIdleConnections();
    isClosed = await Promise.race([closed, sleep(stopCheckMs, clock).then(() => false)]);
  } while (!isClosed);
  // The last connections are closed, but not everyone who waits for it has been told.
  while (open.count > 0) await sleep(1, clock);
}
