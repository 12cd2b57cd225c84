import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { DirectRequest } from './direct-request.ts';
import { until } from './testing/start.ts';

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

it('hands over an empty body', () => {
  const { request, seen, sink } = collecting();
  request.receive(sink);
  finish(request);
  expect(seen).toEqual(['end']);
});

it('hands over nothing once the rest is not wanted', () => {
  const { request, seen, sink } = collecting();
  request.receive(sink);
  request.push(Buffer.from('one'));
  request.discard();
  request.push(Buffer.from('two'));
  finish(request);
  expect(seen).toEqual(['one']);
});

it.each([
  ['a piece', (request: DirectRequest) => request.push(Buffer.from('one'))],
  ['all', finish],
])('refuses who asks after %s has come', (_, arrive) => {
  const { request, sink } = collecting();
  arrive(request);
  expect(() => {
    request.receive(sink);
  }).toThrow(/begun to arrive/);
});

it('is a stream like any other for who does not ask for it', async () => {
  const { request } = collecting();
  request.push(Buffer.from('one'));
  finish(request);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe('one');
});

it('ends when it has been answered, so that nothing keeps it', async () => {
  const requests: DirectRequest[] = [];
  const server = createServer({ IncomingMessage: DirectRequest }, (request, response) => {
    requests.push(request);
    const chunks: Buffer[] = [];
    request.receive({
      onChunk: (chunk) => void chunks.push(chunk),
      onEnd: () => void response.end(Buffer.concat(chunks)),
    });
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const body = 'x'.repeat(200_000);
    for (let i = 0; i < 2; i += 1) {
      const call = request({ port, method: 'POST', agent });
      call.end(body);
      const [response] = (await once(call, 'response')) as [IncomingMessage];
      expect(Buffer.concat(await response.toArray()).toString()).toBe(body);
    }
    const [first, second] = requests;
    expect(second?.socket).toBe(first?.socket);
    await until(() => requests.every(({ readableEnded, closed }) => readableEnded && closed));
  } finally {
    agent.destroy();
    await new Promise((closed) => server.close(closed));
  }
});
