import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../clock.ts';
import type { HttpServer } from './server.ts';
import { openSocket, receiveAll, receiveUntil, sendRaw } from './testing/raw-client.ts';
import { echoBody, rawPost, start, until } from './testing/start.ts';

const infer = '/v2/models/echo/infer';
const held = '/v2/models/held/infer';

/** Fails unless the server answers an honest request, and holds nothing of earlier ones. */
async function expectSound(server: HttpServer): Promise<void> {
  await until(() => server.openRequests() === 0);
  const text = await ask(server, rawPost(infer, echoBody(5), 'connection: close'));
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(text).toContain('"data":[5]');
}

/**
 * What a request is answered until the connection is closed. A server whose limits are short may find
 * even an honest client too slow while this machine does something else; then it is asked again.
 */
async function ask(server: HttpServer, request: string): Promise<string> {
  for (;;) {
    const { text } = await sendRaw(server.port, request);
    if (text !== '' && !text.startsWith('HTTP/1.1 408 ')) return text;
  }
}

describe('bytes that are no request', () => {
  it.each([
    ['noise', '\u0000\u0001\u0002 garbage \r\n\r\n'],
    ['a TLS greeting', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003'],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown method', 'BREW / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['no host', 'GET /v2 HTTP/1.1\r\nconnection: close\r\n\r\n'],
    [
      'a length that is no number',
      rawPost(infer, '').replace('content-length: 0', 'content-length: x'),
    ],
    ['a negative length', rawPost(infer, '').replace('content-length: 0', 'content-length: -1')],
    ['two lengths', rawPost(infer, 'abc', 'content-length: 4')],
    ['a length and chunks', rawPost(infer, 'abc', 'transfer-encoding: chunked')],
    ['a header with a line break', `GET /v2 HTTP/1.1\r\nhost: x\r\na: b\nc: d\r\n\r\n`],
    ['a space before the colon', `GET /v2 HTTP/1.1\r\nhost : x\r\n\r\n`],
    [
      'a broken chunk',
      `POST ${infer} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    ],
  ])('such as %s are answered with 400 and a closed connection', async (_, bytes) => {
    const { server } = await start();
    const { text } = await sendRaw(server.port, Buffer.from(bytes, 'latin1'));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/content-type: application\/json\r\n/i);
    expect(text).toMatch(/\{"error":".+"\}/);
    await expectSound(server);
  });

  it('such as far too long headers are answered with 431', async () => {
    const { server } = await start();
    const { text } = await sendRaw(server.port, rawPost(infer, '', `a: ${'b'.repeat(20_000)}`));
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    await expectSound(server);
  });

  it('such as CONNECT end the connection', async () => {
    const { server } = await start();
    const { text } = await sendRaw(server.port, 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n');
    expect(text).not.toMatch(/ 200 /);
    await expectSound(server);
  });

  it('are told apart from requests of an old or odd kind', async () => {
    const { server } = await start();
    const old = await sendRaw(server.port, 'GET /v2/health/live HTTP/1.0\r\n\r\n');
    expect(old.text).toMatch(/^HTTP\/1\.1 200 /);
    const load = '/v2/repository/models/echo/load';
    const change = await sendRaw(server.port, `POST ${load} HTTP/1.0\r\n\r\n`);
    expect(change.text).toMatch(/^HTTP\/1\.1 403 /);
    const socket = await openSocket(server.port);
    const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\n\r\n';
    const answer = receiveUntil(socket, '"live":true');
    socket.write(`GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\n${upgrade}`);
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });
});

describe('a body that is not what was announced', () => {
  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'and is cut short by %s leaves nothing behind',
    async (leave) => {
      const { server } = await start({ limits: { maxConcurrentRequests: 1 } });
      for (let round = 0; round < 3; round += 1) {
        const socket = await openSocket(server.port);
        const received = receiveAll(socket);
        socket.write(rawPost(infer, echoBody(1)).slice(0, -5));
        await until(() => server.openRequests() === 1);
        socket[leave]();
        await received;
        await until(() => server.openRequests() === 0);
      }
      await expectSound(server);
    },
  );

  it('and goes on after its end is taken for the next request', async () => {
    const { server } = await start();
    const together = await sendRaw(server.port, `${rawPost(infer, echoBody(1))}and more\r\n\r\n`);
    expect(together.text).toMatch(/HTTP\/1\.1 400 /);
    const socket = await openSocket(server.port);
    const answer = receiveUntil(socket, '"data":[1]');
    socket.write(rawPost(infer, echoBody(1)));
    await answer;
    const rest = receiveAll(socket);
    socket.write('and more\r\n\r\n');
    expect((await rest).text).toMatch(/^HTTP\/1\.1 400 /);
    await expectSound(server);
  });

  it('is not waited for when it is too long', async () => {
    const { server } = await start({ limits: { maxBodyBytes: 1000 } });
    const socket = await openSocket(server.port);
    const closed = receiveAll(socket);
    socket.write(rawPost(infer, '').replace('content-length: 0', 'content-length: 999999'));
    expect((await closed).text).toMatch(/^HTTP\/1\.1 413 /);
    await expectSound(server);
  });

  it('is asked for with 100 Continue unless it is too long', async () => {
    const { server } = await start({ limits: { maxBodyBytes: 1000 } });
    const body = echoBody(1);
    const socket = await openSocket(server.port);
    const first = receiveUntil(socket, '100 Continue\r\n\r\n');
    socket.write(rawPost(infer, body, 'expect: 100-continue').slice(0, -body.length));
    await first;
    const second = receiveUntil(socket, '"data":[1]');
    socket.write(body);
    expect(await second).toMatch(/HTTP\/1\.1 200 /);
    socket.destroy();
    const refused = await openSocket(server.port);
    const answer = receiveUntil(refused, '\r\n\r\n');
    refused.write(rawPost(infer, 'x'.repeat(1001), 'expect: 100-continue').slice(0, -1001));
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
    refused.destroy();
    await expectSound(server);
  });
});

describe('a client that takes its time', () => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400, idleTimeoutMs: 200 };

  it('to say anything is cut off', async () => {
    const { server } = await start({ limits });
    const { text } = await sendRaw(server.port, '');
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    await expectSound(server);
  });

  it.each([
    ['its headers', `POST ${infer} HTTP/1.1\r\n`, 'a: b\r\n'],
    ['its body', rawPost(infer, '').replace('content-length: 0', 'content-length: 9999'), ' '],
    [
      'its chunks',
      `POST ${infer} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`,
      '1\r\n \r\n',
    ],
  ])('over %s is cut off, however often it sends a little', async (_, opening, drip) => {
    const { server } = await start({ limits });
    const socket = await openSocket(server.port);
    const received = receiveAll(socket);
    socket.write(opening);
    while (!socket.closed) {
      socket.write(drip);
      await sleep(20);
    }
    expect((await received).text).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
    await expectSound(server);
  });

  it('before its next request is cut off', async () => {
    const { server } = await start({ limits });
    // Without `connection: close` only the limit ends the connection.
    expect(await ask(server, rawPost(infer, echoBody(1)))).toMatch(/^HTTP\/1\.1 200 /);
    await expectSound(server);
  });

  it('to read its answer is cut off', async () => {
    const { server } = await start({ limits: { writeTimeoutMs: 200 } });
    const socket = await openSocket(server.port);
    const bytes = 30_000_000; // more than the kernel buffers
    const json = `{"inputs":[{"name":"x","datatype":"INT8","shape":[${bytes}],"parameters":{"binary_data_size":${bytes}}}],"parameters":{"binary_data_output":true}}`;
    const header = `inference-header-content-length: ${json.length}`;
    const head = `POST ${infer} HTTP/1.1\r\nhost: x\r\ncontent-length: ${json.length + bytes}\r\n${header}\r\n\r\n`;
    socket.write(head + json);
    socket.write(Buffer.alloc(bytes));
    await until(() => server.openRequests() === 1);
    await until(() => server.openRequests() === 0);
    const { text } = await receiveAll(socket);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text.length).toBeLessThan(bytes);
    await expectSound(server);
  });

  it('may take it while its request is worked on', async () => {
    const { server, plane } = await start({ limits });
    let socket: Socket;
    let answer: Promise<string>;
    do {
      socket = await openSocket(server.port);
      answer = receiveUntil(socket, '"data":[1]');
      const refused = answer.catch(() => 'refused');
      socket.write(rawPost(held, echoBody(1)));
      await Promise.race([refused, until(() => plane.pending.length === 1)]);
    } while (plane.pending.length === 0);
    await sleep(1000); // longer than every limit
    plane.pending[0]!.answer();
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });
});

describe('connections', () => {
  it('that are half closed cancel what was asked for', async () => {
    const { server, plane } = await start();
    const socket = await openSocket(server.port);
    const received = receiveAll(socket);
    socket.end(rawPost(held, echoBody(1)));
    await until(() => plane.cancelled === 1);
    await received;
    await expectSound(server);
  });

  it('beyond the limit are closed, and others served', async () => {
    const { server } = await start({ limits: { maxConnections: 3 } });
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(server.port)));
    await sleep(20);
    const { text } = await sendRaw(server.port, rawPost(infer, echoBody(1)));
    expect(text).toBe('');
    const answer = receiveUntil(sockets[0]!, '"data":[1]');
    sockets[0]!.write(rawPost(infer, echoBody(1)));
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) socket.destroy();
    // Asked over raw sockets: some versions of `fetch` never end when their connection is dropped.
    expect(await ask(server, rawPost(infer, echoBody(2), 'connection: close'))).toContain('[2]');
  });
});
