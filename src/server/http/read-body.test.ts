import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { Admission } from './admission.ts';
import { DirectRequest } from './direct-request.ts';
import { readBody } from './read-body.ts';

const body = randomBytes(2 ** 20);

/** Lets pieces of a body arrive, as the parser of node:http does. */
function arrive(request: DirectRequest, ...pieces: Buffer[]): void {
  for (const piece of pieces) request.push(piece as Buffer<ArrayBuffer>);
  request.complete = true;
  request.push(null);
}

function requestWith(headers: IncomingHttpHeaders): DirectRequest {
  const request = new DirectRequest(new Socket());
  Object.assign(request.headers, headers);
  return request;
}

function read(request: IncomingMessage, admission: Admission) {
  const admitted = admission.enter();
  const reading = { ...admitted, maxBytes: 2 ** 22, alignAt: 0 };
  const done = new Promise<{ error: Error | null; bytes: Uint8Array }>((resolve) => {
    readBody(request, reading, (error, bytes) => {
      resolve({ error, bytes });
    });
  });
  return { admitted, done };
}

it('takes a body that arrives whole as it is', async () => {
  const admission = new Admission(1, 2 ** 24);
  const request = requestWith({ 'content-length': String(body.length) });
  const { done } = read(request, admission);
  arrive(request, body);
  const { error, bytes } = await done;
  expect(error).toBeNull();
  expect([bytes.buffer, bytes.byteOffset]).toEqual([body.buffer, body.byteOffset]);
  expect(admission.bytes).toBe(body.length);
});

it.each([[{ 'content-length': String(body.length) }], [{}]])(
  'joins one that arrives in pieces, with the headers %j',
  async (headers) => {
    const request = requestWith(headers);
    const { done } = read(request, new Admission(1, 2 ** 24));
    arrive(request, body.subarray(0, 70_000), body.subarray(70_000, 70_001), body.subarray(70_001));
    const { error, bytes } = await done;
    expect(error).toBeNull();
    expect(Buffer.compare(bytes, body)).toBe(0);
  },
);

it('unpacks a body', async () => {
  const request = requestWith({ 'content-encoding': 'gzip' });
  const { done } = read(request, new Admission(1, 2 ** 24));
  arrive(request, gzipSync(body));
  const { error, bytes } = await done;
  expect(error).toBeNull();
  expect(Buffer.compare(bytes, body)).toBe(0);
});

it('stops unpacking when its request has left, and holds nothing', async () => {
  const admission = new Admission(1, 2 ** 24);
  const request = requestWith({ 'content-encoding': 'gzip' });
  const { admitted, done } = read(request, admission);
  arrive(request, gzipSync(body));
  admitted.leave();
  expect((await done).error).toMatchObject({ code: 'cancelled' });
  expect(admission.bytes).toBe(0);
});

it('keeps nothing of what comes after it has refused a body', async () => {
  const request = requestWith({});
  const { done } = read(request, new Admission(1, 100_000));
  arrive(request, body.subarray(0, 50_000), body.subarray(50_000, 120_000), body.subarray(120_000));
  expect((await done).error).toMatchObject({ code: 'unavailable' });
  expect(request.readableLength).toBe(0);
});

it('refuses what another server received', async () => {
  const { done } = read(new IncomingMessage(new Socket()), new Admission(1, 2 ** 24));
  expect((await done).error).toMatchObject({ code: 'internal' });
});
