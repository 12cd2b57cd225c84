import { FakeDataPlane } from '../../http/testing/fake-data-plane.ts';
import type { GrpcServerOptions } from '../options.ts';
import type { GrpcServer } from '../server.ts';
import { startGrpcServer } from '../server.ts';
import type { ClientOptions } from './client.ts';
import { TestClient } from './client.ts';

/** A server over a fake data plane, and a client of it. */
export interface Started {
  readonly plane: FakeDataPlane;
  readonly server: GrpcServer;
  readonly client: TestClient;
}

const closers: (() => unknown)[] = [];

/** Starts a server on a free port. */
export async function start(options: GrpcServerOptions = {}): Promise<Started> {
  const plane = new FakeDataPlane();
  const server = await startGrpcServer(plane, { port: 0, ...options });
  closers.push(() => server.stop(0));
  return { plane, server, client: clientOf(server) };
}

/** A client with a connection of its own. */
export function clientOf(server: GrpcServer, options?: ClientOptions): TestClient {
  const client = new TestClient(server.target.replace('0.0.0.0', '127.0.0.1'), options);
  closers.push(() => client.close());
  return client;
}

/** Ends whatever a test has started. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
