import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { Admission } from './admission.ts';
import { DirectRequest } from './direct-request.ts';
import { readBody } from './read-body.ts';

const body = randomBytes(2 ** 20);

function gzipped(): DirectRequest {
  const request = new DirectRequest(new Socket());
  request.headers['content-encoding'] = 'gzip';
  request.push(gzipSync(body));
  request.complete = true;
  request.push(null);
  return request;
}

function read(request: DirectRequest, admission: Admission) {
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
  const { error, bytes } = await done;
  expect(error).toBeNull();
  expect(Buffer.compare(bytes, body)).toBe(0);
});

it('stops unpacking when its request has left, and holds nothing', async () => {
  const admission = new Admission(1, 2 ** 24);
  const request = gzipped();
  const { admitted, done } = read(request, admission);
  await once(request, 'end');
  admitted.leave();
  expect((await done).error).toMatchObject({ code: 'cancelled' });
  expect(admission.bytes).toBe(0);
});
