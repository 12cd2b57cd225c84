import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { sleep } from '../../clock.ts';
import { Random } from '../../random.ts';
import { ForwardClock } from '../http/testing/forward-clock.ts';
import type { Message } from './testing/client.ts';
import { echoRequest, failure, until } from './testing/client.ts';
import type { Started } from './testing/start.ts';
import { clientOf, closeAll, start } from './testing/start.ts';
import {
  closed,
  endStream,
  frame,
  headers,
  message,
  open,
  preface,
  reset,
  settings,
  settingsAck,
} from './testing/http2-frames.ts';

const inferPath = '/inference.GRPCInferenceService/ModelInfer';
const streamPath = '/inference.GRPCInferenceService/ModelStreamInfer';
const hello = Buffer.concat([preface, settings, settingsAck]);

afterEach(closeAll);

async function expectHealthy({ server, client }: Started): Promise<void> {
  await until(() => server.openCalls() === 0);
  expect(server.heldBytes()).toBe(0);
  // Where limits are short, a busy machine may break them for an honest client too: it tries again.
  let answer: Message | undefined;
  while (answer === undefined) {
    answer = await client.call('ModelInfer', echoRequest([3])).catch(async (error: unknown) => {
      if ((error as ServiceError).code !== status.UNAVAILABLE) throw error;
      await sleep(50);
      return undefined;
    });
  }
  expect(answer).toMatchObject({
    raw_output_contents: [Buffer.from(Float32Array.of(3).buffer)],
  });
}

/** Late calls are looked for four times in the shortest of the limits. */
const sweptOften = { writeTimeoutMs: 1000 };

/** A copy with some bytes from `start` on changed. */
function mutate(bytes: Buffer, start: number, edits: number, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let edit = 0; edit < edits; edit += 1) {
    copy[start + random.integer(copy.byteLength - start)] = random.integer(256);
  }
  return copy;
}

describe('a server under abuse', () => {
  it('outlives calls that are reset at any moment', async () => {
    const started = await start();
    const { plane, server } = started;
    const request = Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from('held')]);
    const paths = [inferPath, streamPath, '/no/Such', '/grpc.health.v1.Health/Watch'];
    for (const end of ['reset', 'close', 'half-close'] as const) {
      const socket = await open(server.port);
      const frames: Buffer[] = [hello];
      paths.forEach((path, index) => {
        for (const type of ['application/grpc', 'text/html']) {
          const stream = 1 + 4 * index + (type === 'text/html' ? 2 : 0);
          frames.push(headers(stream, path, { 'content-type': type }));
          frames.push(message(stream, request, path === streamPath ? 0 : endStream));
          if (end === 'reset') frames.push(reset(stream));
        }
      });
      socket.write(Buffer.concat(frames));
      if (end === 'half-close') socket.end();
      if (end === 'close') await until(() => plane.pending.length > 0);
      if (end !== 'half-close') socket.destroy();
      await closed(socket);
    }
    await expectHealthy(started);
    expect(plane.pending.every(({ isCancelled }) => isCancelled())).toBe(true);
  });

  it('outlives garbage, before and after the handshake and inside of frames', async () => {
    // After some faults HTTP/2 reads no more and waits: only the keepalive ends such a connection.
    const limits = {
      handshakeTimeoutMs: 1000,
      keepaliveIntervalMs: 500,
      keepaliveTimeoutMs: 1000,
    };
    const started = await start({ limits });
    const random = new Random(4);
    const noise = (length: number): Buffer =>
      Buffer.from(Array.from({ length }, () => random.integer(256)));
    const request = Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from('echo')]);
    const good = Buffer.concat([hello, headers(1, inferPath), message(1, request, endStream)]);
    const garbage = [
      (): Buffer => noise(1 + random.integer(100)),
      (): Buffer => Buffer.concat([hello, noise(1 + random.integer(100))]),
      (): Buffer => mutate(good, preface.byteLength, 1 + random.integer(4), random),
    ];
    const sockets = await Promise.all(
      Array.from({ length: 600 }, async (_, i) => {
        const socket = await open(started.server.port);
        socket.write(garbage[i % 3]!());
        if (i % 2 === 0) socket.end();
        return socket;
      }),
    );
    await Promise.all(sockets.map(closed));
    await expectHealthy(started);
  });

  it('answers mutated messages, each with a status', async () => {
    const started = await start();
    const random = new Random(5);
    const { port } = started.server;
    const request = Buffer.concat([
      Buffer.from([0x0a, 4]),
      Buffer.from('echo'),
      Buffer.from([0x2a, 13, 0x0a, 1, 0x78, 0x12, 4]),
      Buffer.from('FP32'),
      Buffer.from([0x1a, 1, 2, 0x3a, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    const socket = await open(port);
    socket.write(hello);
    for (let i = 0; i < 1000; i += 1) {
      const bad = mutate(request, 0, random.integer(4), random);
      const stream = 1 + 2 * i;
      socket.write(Buffer.concat([headers(stream, inferPath), message(stream, bad, endStream)]));
      if (i % 100 === 99) await until(() => started.server.openCalls() === 0);
    }
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    await expectHealthy(started);
  });

  it('closes connections that never say hello', async () => {
    const started = await start({ limits: { handshakeTimeoutMs: 1000 } });
    const silent = await open(started.server.port);
    const slow = await open(started.server.port);
    slow.write(preface.subarray(0, 10));
    await Promise.all([closed(silent), closed(slow)]);
    await expectHealthy(started);
  });

  it('ends calls whose requests do not arrive whole', async () => {
    const clock = new ForwardClock();
    const started = await start({ clock, limits: sweptOften });
    const { server } = started;
    const socket = await open(server.port);
    const part = frame(0, 0, 3, Buffer.from([0, 0, 0, 0, 100, 1, 2, 3]));
    const streamPart = frame(0, 0, 5, Buffer.from([0, 0, 0, 0, 100, 1, 2, 3]));
    socket.write(Buffer.concat([hello, headers(1, inferPath), headers(3, inferPath), part]));
    socket.write(Buffer.concat([headers(5, streamPath), streamPart, headers(7, streamPath)]));
    await until(() => server.openCalls() === 4 && server.heldBytes() > 0);
    clock.aheadMs = 61_000;
    // The stream that has begun nothing may stay.
    await until(() => server.openCalls() === 1);
    expect(server.heldBytes()).toBe(0);
    socket.destroy();
    await expectHealthy(started);
  });

  it('leaves requests alone that take long to answer', async () => {
    const clock = new ForwardClock();
    const started = await start({ clock, limits: sweptOften });
    const { plane, client } = started;
    const stream = client.stream();
    stream.write(echoRequest([1], { model_name: 'held' }));
    const answer = client.call('ModelInfer', echoRequest([1], { model_name: 'held' }));
    await until(() => plane.pending.length === 2);
    clock.aheadMs = 61_000;
    await sleep(1000); // some sweeps
    for (const { answer: give } of plane.pending) give();
    expect(await answer).toMatchObject({ model_name: 'held' });
    const [response] = (await once(stream, 'data')) as [object];
    expect(response).toMatchObject({ error_message: '' });
    stream.end();
    await expectHealthy(started);
  });

  it('refuses messages that are too long, as sent or unpacked', async () => {
    const started = await start({ limits: { maxMessageBytes: 10_000 } });
    const { client, server } = started;
    const long = echoRequest(new Array<number>(5000).fill(0));
    expect((await failure(client.call('ModelInfer', long))).code).toBe(status.RESOURCE_EXHAUSTED);
    const packing = clientOf(server, { gzip: true });
    expect(await failure(packing.call('ModelInfer', long))).toEqual({
      code: status.RESOURCE_EXHAUSTED,
      details: 'Received message that decompresses to a size larger than 10000',
    });
    await expectHealthy(started);
  });

  it('takes compressed requests, and counts them as what they unpack to', async () => {
    const started = await start({ limits: { maxMessageBytes: 2 ** 20 } });
    const { plane, server } = started;
    const packing = clientOf(server, { gzip: true });
    const values = new Array<number>(10_000).fill(1);
    const answer = packing.call('ModelInfer', echoRequest(values, { model_name: 'held' }));
    await until(() => plane.pending.length === 1);
    expect(server.heldBytes()).toBeGreaterThan(40_000);
    expect(server.heldBytes()).toBeLessThan(41_000);
    plane.pending[0]!.answer();
    expect(await answer).toMatchObject({ model_name: 'held' });
    await expectHealthy(started);
  });

  it('refuses calls beyond what all may hold, and gives back what they held', async () => {
    const limits = { maxMessageBytes: 40_000, maxBufferedBytes: 100_000 };
    const started = await start({ limits });
    const { client, plane, server } = started;
    const request = echoRequest(new Array<number>(9000).fill(0), { model_name: 'held' });
    const waiting = [1, 2].map(() => client.call('ModelInfer', request));
    await until(() => plane.pending.length === 2);
    expect(server.heldBytes()).toBeGreaterThan(72_000);
    const { code, details } = await failure(client.call('ModelInfer', request));
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toMatch(/hold too much memory/);
    for (const { answer } of plane.pending) answer();
    await Promise.all(waiting);
    await expectHealthy(started);

    const stream = client.stream();
    stream.resume();
    for (let i = 0; i < 50; i += 1) {
      stream.write(echoRequest(new Array<number>(9000).fill(0)));
      await once(stream, 'data');
    }
    stream.end();
    await expectHealthy(started);
  });

  it('counts a compressed call that still arrives as what it may unpack to', async () => {
    const started = await start({ limits: { maxMessageBytes: 40_000, maxBufferedBytes: 100_000 } });
    const { server } = started;
    const socket = await open(server.port);
    const part = (stream: number): Buffer =>
      Buffer.concat([
        headers(stream, inferPath, { 'grpc-encoding': 'gzip' }),
        frame(0, 0, stream, Buffer.from([1, 0, 0, 0, 100, 0x1f, 0x8b])),
      ]);
    socket.write(Buffer.concat([hello, part(1), part(3)]));
    await until(() => server.heldBytes() === 80_000);
    socket.write(part(5));
    await until(() => server.openCalls() === 2);
    socket.destroy();
    await expectHealthy(started);
  });

  it('refuses requests beyond those in work at once', async () => {
    const started = await start({ limits: { maxConcurrentRequests: 1 } });
    const { client, plane } = started;
    const request = echoRequest([1], { model_name: 'held' });
    const waiting = client.call('ModelInfer', request);
    await until(() => plane.pending.length === 1);
    expect((await failure(client.call('ModelInfer', request))).code).toBe(status.UNAVAILABLE);
    plane.pending[0]!.answer();
    await waiting;
    await expectHealthy(started);
  });

  it('closes connections beyond its bound', async () => {
    const { server } = await start({ limits: { maxConnections: 2 } });
    const sockets = [await open(server.port), await open(server.port)];
    const extra = await open(server.port);
    await closed(extra);
    expect(sockets.every((socket) => !socket.destroyed)).toBe(true);
    for (const socket of sockets) socket.destroy();
  });
});
