import { once } from 'node:events';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { DirectRequest, directRequest } from './direct-request.ts';

function collecting() {
  const request = new DirectRequest(new Socket());
  const seen: string[] = [];
  const sink = {
    onChunk: (chunk: Buffer) => void seen.push(chunk.toString()),
    onEnd: () => void seen.push('end'),
  };
  return { request, seen, sink };
}

/** As the parser of node:http does. */
function finish(request: DirectRequest): void {
  request.complete = true;
  request.push(null);
}

it('hands a body over within the call that brings it', () => {
  const { request, seen, sink } = collecting();
  request.receive(sink);
  request.push(Buffer.from('one'));
  expect(seen).toEqual(['one']);
  request.push(Buffer.from('two'));
  finish(request);
  expect(seen).toEqual(['one', 'two', 'end']);
});

it.each([
  ['all', true],
  ['a part', false],
])('hands over %s that came before anyone asked', async (_, isWhole) => {
  const { request, seen, sink } = collecting();
  request.push(Buffer.from('one'));
  request.push(Buffer.from('two'));
  if (isWhole) finish(request);
  request.receive(sink);
  if (!isWhole) finish(request);
  expect(seen).toEqual(['onetwo', 'end']);
  await once(request, 'end');
  expect(seen).toHaveLength(2);
});

it('hands over an empty body', () => {
  const { request, seen, sink } = collecting();
  finish(request);
  request.receive(sink);
  expect(seen).toEqual(['end']);
});

it('ends as a stream, too, when its rest is thrown away', async () => {
  const { request, sink } = collecting();
  request.receive(sink);
  request.push(Buffer.from('one'));
  finish(request);
  expect(request.readableEnded).toBe(false);
  request.resume();
  await once(request, 'end');
});

it('is a stream like any other for who does not ask for it', async () => {
  const { request } = collecting();
  request.push(Buffer.from('one'));
  finish(request);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe('one');
});

it('is told from the requests of other servers', () => {
  const { request } = collecting();
  expect(directRequest(request)).toBe(request);
  expect(() => directRequest(new IncomingMessage(new Socket()))).toThrow(/another server/);
});
