import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { LogController } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { sleep } from '../../clock.ts';
import { toDnnScalerError } from '../../errors.ts';
import type { DataPlane } from '../../oip/data-plane.ts';
import { Admission } from './admission.ts';
import { traceIdOf } from '../../oip/trace-context.ts';
import { traceOf } from './answer.ts';
import type { Answering } from './answer.ts';
import { Guard, isLoopback } from './guard.ts';
import { answerUnreadable, createNodeServer } from './node-server.ts';
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
    sharesLog: !settings.logRequests,
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
    const response = reply.raw;
    open.add(request.raw, response, () => {
      settings.onAnswer(response.writableFinished ? response.statusCode : clientLeft);
    });
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
    ...(settings.loggerInstance === undefined
      ? { logger: settings.logger ?? false }
      : { loggerInstance: settings.loggerInstance }),
    childLoggerFactory: (logger, bindings, childOptions, request) => {
      // One for each request costs as much as the rest of Fastify.
      if (!settings.logRequests) return logger;
      const trace = traceOf(request);
      const all = trace === undefined ? bindings : { ...bindings, traceId: traceIdOf(trace) };
      return logger.child(all, childOptions);
    },
    logController: new LogController({ disableRequestLogging: !settings.logRequests }),
    serverFactory: (handler) =>
      createNodeServer(settings, (request, response) => {
        forgetContentType(request);
        handler(request, response);
      }),
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
  return app;
}

/** Leaves only what routes care for, so that the router has nothing to find fault with. */
function forgetContentType(request: IncomingMessage): void {
  const { headers } = request;
  if (headers['content-type'] === undefined) return;
  const type = headers['content-type'].split(';', 1)[0]?.trim().toLowerCase();
  // Not deleted, which would make every later look at the headers a slow one.
  headers['content-type'] = type?.startsWith('image/') ? type : undefined;
}

/** How nginx logs a client that closed its request; the server may have cut it off, too. */
const clientLeft = 499;
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
