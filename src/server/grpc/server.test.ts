import { once } from 'node:events';
import { connect } from 'node:net';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { DnnScalerError } from '../../errors.ts';
import { FakeDataPlane } from '../http/testing/fake-data-plane.ts';
import { tlsPair } from '../http/testing/tls-pair.ts';
import type { GrpcServerOptions } from './options.ts';
import { startGrpcServer } from './server.ts';
import { echoRequest, failure, until } from './testing/client.ts';
import { clientOf, closeAll, start } from './testing/start.ts';

afterEach(closeAll);

describe('the server', () => {
  it('speaks TLS when it is given a certificate', async () => {
    const { server, plane } = await start({ tls: tlsPair });
    const client = clientOf(server, { channel: credentials.createSsl(Buffer.from(tlsPair.cert)) });
    expect(await client.call('ServerLive')).toEqual({ live: true });
    plane.live = false;
    expect(await client.call('ServerLive')).toEqual({ live: false });
  });

  it('refuses options that make no sense', async () => {
    const plane = new FakeDataPlane();
    const code = async (options: GrpcServerOptions): Promise<unknown> =>
      startGrpcServer(plane, options).then(
        (server) => server.stop(),
        (error: unknown) => (error as DnnScalerError).code,
      );
    expect(await code({ port: 70_000 })).toBe('invalid-argument');
    expect(await code({ port: 0, managementToken: 'short' })).toBe('invalid-argument');
    expect(await code({ port: 0, limits: { maxMessageBytes: 0 } })).toBe('invalid-argument');
    expect(await code({ port: 0, limits: { maxBufferedBytes: 5 } })).toBe('invalid-argument');
    expect(await code({ port: 0, tls: { cert: 'no', key: 'pem' } })).toBe('invalid-argument');
    const { server } = await start();
    expect(await code({ port: server.port })).toBe('unavailable');
  });

  it('finishes what it has begun before it stops, and takes nothing more', async () => {
    const { plane, server, client } = await start();
    const answer = client.call('ModelInfer', echoRequest([7], { model_name: 'held' }));
    await until(() => plane.pending.length === 1);
    let hasStopped = false;
    const stopped = server.stop().then(() => (hasStopped = true));
    const late = clientOf(server);
    expect((await failure(late.call('ServerLive'))).code).toBe(status.UNAVAILABLE);
    expect(hasStopped).toBe(false);
    plane.pending[0]!.answer();
    expect(await answer).toMatchObject({ model_name: 'held' });
    await stopped;
    expect(server.openCalls()).toBe(0);
  });

  it('does not wait for a connection that its client never closes', async () => {
    const { server } = await start();
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    await server.stop();
    socket.destroy();
  });

  it('cuts off what is left when its time to stop is up', async () => {
    const { plane, server, client } = await start();
    const answer = failure(client.call('ModelInfer', echoRequest([7], { model_name: 'held' })));
    await until(() => plane.pending.length === 1);
    await server.stop(10);
    expect((await answer).code).toBe(status.UNAVAILABLE);
    expect(plane.cancelled).toBe(1);
  });
});
