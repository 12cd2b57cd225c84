import type { Http2Server, ServerHttp2Session } from 'node:http2';
import { createServer } from 'node:net';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Server } from '@grpc/grpc-js';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { Intake } from './intake.ts';
import type { GrpcSettings } from './options.ts';

type ConnectionInjector = ReturnType<Server['createConnectionInjector']>;

/*
 * grpc-js would listen by itself, but then nobody could bound the connections, how long they take to
 * say hello, and what they send; nor widen HTTP/2's windows: with its default of 64 KiB a tensor of
 * 600 KB takes ten round trips.
 */

const streamWindowBytes = 2 ** 20;
const connectionWindowBytes = 2 ** 23;

/** Sockets that a server listens on and its clients' connections. */
export interface Sockets {
  readonly address: string;
  readonly port: number;
  /** Stops listening; connections stay. */
  close(): void;
  /** Ends every connection at once. */
  destroy(): void;
}

/**
 * Listens, and hands each connection to `server`.
 *
 * @throws DnnScalerError `invalid-argument` for unusable TLS texts, and `unavailable` when the
 *   address cannot be listened on
 */
export async function listen(
  server: Server,
  settings: GrpcSettings,
  intake: Intake,
): Promise<Sockets> {
  const injector = createInjector(server, settings.tls);
  watchSessions(http2ServerOf(server), settings, intake);
  const open = new Set<Socket>();
  const tcp = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    // Every error is followed by `close`, which HTTP/2 handles.
    socket.on('error', () => undefined);
    injector.injectConnection(socket);
  });
  tcp.maxConnections = settings.limits.maxConnections;
  await listenOn(tcp, settings);
  const { address, port } = tcp.address() as AddressInfo;
  return {
    address,
    port,
    close: () => tcp.close(),
    destroy: () => {
      tcp.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function listenOn(tcp: TcpServer, { host, port }: GrpcSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    tcp.once('error', (error) => reject(toDnnScalerError(error, 'unavailable')));
    tcp.listen(port, host, resolve);
  });
}

function createInjector(server: Server, tls: GrpcSettings['tls']): ConnectionInjector {
  if (tls === undefined) {
    return server.createConnectionInjector(ServerCredentials.createInsecure());
  }
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  try {
    return server.createConnectionInjector(ServerCredentials.createSsl(null, [pair], false));
  } catch (error) {
    const reason = toDnnScalerError(error).message;
    const message = `the TLS certificate and key must be PEM texts that belong together: ${reason}`;
    throw new DnnScalerError('invalid-argument', message, { cause: error });
  }
}

/** The one HTTP/2 server inside; grpc-js shows it to nobody, and its version is pinned. */
function http2ServerOf(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const [http2Server] = http2Servers?.keys() ?? [];
  if (http2Server !== undefined) return http2Server;
  throw new DnnScalerError('internal', 'this version of @grpc/grpc-js hides its HTTP/2 server');
}

function watchSessions(http2Server: Http2Server, settings: GrpcSettings, intake: Intake): void {
  const { clock, limits } = settings;
  http2Server.on('session', (session: ServerHttp2Session) => {
    session.settings({ initialWindowSize: streamWindowBytes });
    session.setLocalWindowSize(connectionWindowBytes);
    const timer = clock.setTimer(limits.handshakeTimeoutMs, () => session.destroy());
    const disarm = (): void => clock.clearTimer(timer);
    session.once('remoteSettings', disarm);
    session.once('close', disarm);
  });
  http2Server.prependListener('stream', (stream, headers) => intake.watch(stream, headers));
}
