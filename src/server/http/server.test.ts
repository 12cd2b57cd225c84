import { get } from 'node:https';
import { describe, expect, it } from 'vitest';
import { checkHttpOptions } from './options.ts';
import type { HttpServerOptions } from './options.ts';
import { startHttpServer } from './server.ts';
import { FakeDataPlane } from './testing/fake-data-plane.ts';
import { ForwardClock } from './testing/forward-clock.ts';
import { openSocket, receiveAll, receiveUntil, sendRaw } from './testing/raw-client.ts';
import { echoBody, rawPost, start, until } from './testing/start.ts';
import { tlsPair } from './testing/tls-pair.ts';

const infer = '/v2/models/echo/infer';
const held = '/v2/models/held/infer';

describe('a server', () => {
  it('listens on a loopback address unless told otherwise', async () => {
    const { server } = await start();
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(checkHttpOptions({ host: 'localhost' }).host).toBe('127.0.0.1');
    expect(checkHttpOptions({})).toMatchObject({ host: '127.0.0.1', port: 8000 });
  });

  it('says when its address is taken', async () => {
    const { server } = await start();
    await expect(startHttpServer(new FakeDataPlane(), { port: server.port })).rejects.toMatchObject(
      {
        code: 'unavailable',
        message: expect.stringContaining('EADDRINUSE') as string,
      },
    );
  });

  it.each<[string, HttpServerOptions]>([
    ['port must be an integer', { port: -1 }],
    ['port must be an integer', { port: 65_536 }],
    ['management token must have at least 16', { managementToken: 'short' }],
    ['limits.maxBodyBytes must be a positive integer', { limits: { maxBodyBytes: 0 } }],
    ['limits.idleTimeoutMs must be a positive integer', { limits: { idleTimeoutMs: NaN } }],
    ['must be at least maxBodyBytes', { limits: { maxBufferedBytes: 1 } }],
    ['must be at least headersTimeoutMs', { limits: { requestTimeoutMs: 1 } }],
    ['must be PEM texts', { tls: { cert: 'no', key: 'certificate' } }],
  ])('refuses options: %s', async (message, options) => {
    await expect(
      startHttpServer(new FakeDataPlane(), { port: 0, ...options }),
    ).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(message) as string,
    });
  });

  it('speaks TLS when given a certificate', async () => {
    const { server } = await start({ tls: tlsPair });
    const secure = { ca: tlsPair.cert, agent: false } as const;
    const status = await new Promise((resolve, reject) => {
      const url = `https://localhost:${server.port}/v2/health/ready`;
      get(url, { ...secure, family: 4 }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(200);
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    const plain = await sendRaw(server.port, 'GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(plain.text).not.toContain('200 OK');
  });
});

describe('stopping', () => {
  it('finishes what was accepted and refuses what comes later', async () => {
    const { server, plane } = await start();
    const idle = await openSocket(server.port);
    const idleAnswer = receiveUntil(idle, '"data":[1]');
    idle.write(rawPost(infer, echoBody(1)));
    await idleAnswer;
    const idleClosed = receiveAll(idle);

    const waiting = await openSocket(server.port);
    const waitingAnswer = receiveAll(waiting);
    waiting.write(rawPost(held, echoBody(2)));
    const uploading = await openSocket(server.port);
    const uploadingAnswer = receiveAll(uploading);
    const [start3, end3] = [rawPost(infer, echoBody(3)).slice(0, -4), echoBody(3).slice(-4)];
    uploading.write(start3);
    await until(() => plane.pending.length === 1 && server.openRequests() === 2);

    const stopped = server.stop();
    expect(server.stop()).toBe(stopped);
    await idleClosed;
    await expect(openSocket(server.port)).rejects.toThrow('ECONNREFUSED');
    uploading.write(end3);
    expect((await uploadingAnswer).text).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*\[3\]/i);
    expect(server.openRequests()).toBe(1);
    plane.pending[0]!.answer();
    const answer = await waitingAnswer;
    expect(answer.text).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*"data":\[2\]/i);
    expect(answer.isClean).toBe(true);
    await stopped;
    expect(server.openRequests()).toBe(0);
    expect(plane.cancelled).toBe(0);
  });

  it('serves a request that arrives on an open connection meanwhile', async () => {
    const { server, plane } = await start();
    const socket = await openSocket(server.port);
    const received = receiveAll(socket);
    socket.write(rawPost(held, echoBody(1)));
    await until(() => plane.pending.length === 1);
    const stopped = server.stop();
    socket.write(rawPost(held, echoBody(2)));
    await until(() => plane.pending.length === 2);
    plane.pending.forEach((pending) => pending.answer());
    await stopped;
    expect((await received).text).toContain('"data":[1]');
  });

  it('does not wait for those who only began to speak', async () => {
    const { server } = await start();
    const sockets = await Promise.all([1, 2].map(() => openSocket(server.port)));
    sockets[1]!.write('POST /v2/mod');
    await server.stop();
  });

  it('cuts off bodies that do not arrive', async () => {
    const clock = new ForwardClock();
    const { server } = await start({ clock });
    const socket = await openSocket(server.port);
    const closed = receiveAll(socket);
    socket.write(rawPost(infer, echoBody(1)).slice(0, -1));
    await until(() => server.openRequests() === 1);
    const stopped = server.stop();
    clock.aheadMs = 61_000;
    await stopped;
    expect((await closed).text).toBe('');
  });

  it('cancels what is left when the time is over', async () => {
    const { server, plane } = await start();
    const socket = await openSocket(server.port);
    const closed = receiveAll(socket);
    socket.write(rawPost(held, echoBody(1)));
    await until(() => plane.pending.length === 1);
    await server.stop(50);
    expect((await closed).text).toBe('');
    expect(plane.cancelled).toBe(1);
  });
});

describe('the log', () => {
  it("is written by fastify's own logger", async () => {
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line) };
    const { server } = await start({ logger: { stream }, logRequests: true });
    await fetch(`${server.url}/v2`);
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toContain('incoming request');
    expect(messages).toContain('request completed');
  });

  it('names the trace of a fault, whether requests are logged or not', async () => {
    for (const logRequests of [false, true]) {
      const lines: string[] = [];
      const stream = { write: (line: string) => void lines.push(line) };
      const { server, plane } = await start({ logger: { stream }, logRequests });
      plane.isLive = () => {
        throw new Error('a fault');
      };
      const traceId = 'a'.repeat(32);
      const headers = { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` };
      await fetch(`${server.url}/v2/health/live`, { headers });
      const fault = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(fault.find(({ err }) => err !== undefined)).toMatchObject({ traceId });
      expect(lines.filter((line) => line.split('traceId').length > 2)).toEqual([]);
    }
  });

  it('has faults, and requests only when wanted', async () => {
    for (const logRequests of [false, true]) {
      const lines: { level: string; text: string }[] = [];
      const loggerInstance = recordingLogger(lines);
      const { server, plane } = await start({ loggerInstance, logRequests });
      await fetch(`${server.url}/v2`);
      plane.isLive = () => {
        throw new Error('a fault');
      };
      await fetch(`${server.url}/v2/health/live`);
      const faults = lines.filter(({ level }) => level === 'error');
      expect(faults.map(({ text }) => text)).toEqual(['internal error']);
      for (const told of ['incoming request', 'request completed']) {
        const requests = lines.filter(({ text }) => text === told);
        expect(requests).toHaveLength(logRequests ? 2 : 0);
      }
    }
  });
});

type Logger = NonNullable<HttpServerOptions['loggerInstance']>;

function recordingLogger(lines: { level: string; text: string }[]): Logger {
  const at =
    (level: string) =>
    (first: unknown, text?: string): void => {
      lines.push({ level, text: text ?? String(first) });
    };
  const logger: Logger = {
    level: 'info',
    fatal: at('fatal'),
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: at('trace'),
    silent: at('silent'),
    child: () => logger,
  };
  return logger;
}
