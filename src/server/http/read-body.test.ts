import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { Admission } from './admission.ts';
import { readBody } from './read-body.ts';

function gzipped(): PassThrough & IncomingMessage {
  const headers = { 'content-encoding': 'gzip' };
  return Object.assign(new PassThrough(), { headers }) as PassThrough & IncomingMessage;
}

const body = randomBytes(2 ** 20);

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

it('unpacks a body', async () => {
  const request = gzipped();
  const { done } = read(request, new Admission(1, 2 ** 24));
  request.end(gzipSync(body));
  const { error, bytes } = await done;
  expect(error).toBeNull();
  expect(Buffer.compare(bytes, body)).toBe(0);
});

it('stops unpacking when its request has left, and holds nothing', async () => {
  const admission = new Admission(1, 2 ** 24);
  const request = gzipped();
  const { admitted, done } = read(request, admission);
  request.end(gzipSync(body));
  await once(request, 'end');
  admitted.leave();
  expect((await done).error).toMatchObject({ code: 'cancelled' });
  expect(admission.bytes).toBe(0);
});
