import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DnnScalerError } from '../../errors.ts';
import { decodeInferRequest } from '../infer-request.ts';
import { encodeInferResponse } from '../infer-response.ts';
import type { WireTensor } from '../tensor.ts';
import type { OipHttpClientOptions } from './http-client.ts';
import { OipHttpClient } from './http-client.ts';
import type { HttpOutcome } from './http-exchange.ts';
import type { FakeServerOptions } from './testing/fake-server.ts';
import { FakeServer, fail, goodAnswer } from './testing/fake-server.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function clientOf(
  server: FakeServerOptions = {},
  options: Partial<OipHttpClientOptions> = {},
): Promise<OipHttpClient> {
  const fake = await FakeServer.start(server);
  const client = new OipHttpClient({ url: fake.url, ...options });
  closers.push(
    () => fake.close(),
    () => client.close(),
  );
  return client;
}

const m = { name: 'm' };
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const x: WireTensor = { name: 'x', datatype: 'FP32', shape: [1, 4], data: new Float32Array(4) };

async function errorOf(promise: Promise<unknown>): Promise<DnnScalerError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnnScalerError);
  return error as DnnScalerError;
}

describe('OipHttpClient', () => {
  it('reads what the server and a model say of themselves', async () => {
    const client = await clientOf({ documents: { '/v2/models/m/config': { max_batch_size: 8 } } });
    expect(await client.serverMetadata()).toMatchObject({ extensions: ['binary_tensor_data'] });
    expect((await client.modelMetadata(m)).inputs).toEqual([
      { name: 'x', datatype: 'FP32', shape: [-1, 4] },
    ]);
    expect(await client.modelConfig(m)).toEqual({ max_batch_size: 8 });
    expect([
      await client.isLive(),
      await client.isReady(),
      await client.isModelReady(m),
      await client.isModelReady({ name: 'other' }),
    ]).toEqual([true, true, true, false]);
  });

  it('reads metadata with 64-bit dimensions as text, and without lists', async () => {
    const inputs = [{ name: 'x', datatype: 'INT64', shape: ['-1', '3'] }];
    const client = await clientOf({ documents: { '/v2/models/m': { name: 'm', inputs } } });
    expect(await client.modelMetadata(m)).toMatchObject({
      inputs: [{ shape: [-1, 3] }],
      outputs: [],
      versions: [],
    });
  });

  const tensors: readonly WireTensor[] = [
    { name: 'a', datatype: 'FP32', shape: [2, 2], data: Float32Array.of(1, -0.5, 1e-7, 3e38) },
    { name: 'b', datatype: 'INT64', shape: [1], data: BigInt64Array.of(-(2n ** 63n)) },
    { name: 'c', datatype: 'BYTES', shape: [2], data: [utf8('é'), utf8('')] },
    { name: 'd', datatype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
    { name: 'e', datatype: 'UINT8', shape: [0], data: new Uint8Array(0) },
  ];
  const halves: WireTensor = { name: 'h', datatype: 'BF16', shape: [1], data: Uint16Array.of(7) };

  it.each([
    ['binary', [...tensors, halves]],
    ['json', tensors],
  ] as const)('carries every type there and back in %s', async (encoding, inputs) => {
    const client = await clientOf({
      infer: ({ headers, body }, response) => {
        const length = headers['inference-header-content-length'];
        const { request, outputForm } = decodeInferRequest(
          { modelName: 'm', modelVersion: '' },
          body,
          length === undefined ? undefined : Number(length),
        );
        expect(length === undefined).toBe(encoding === 'json');
        const answer = { ...request, outputs: request.inputs };
        const { parts, jsonBytes } = encodeInferResponse(answer, outputForm);
        if (jsonBytes !== undefined) {
          response.setHeader('inference-header-content-length', jsonBytes);
        }
        response.end(Buffer.concat(parts));
      },
    });
    const answer = await client.infer(m, { id: '7', inputs }, encoding);
    expect(answer.id).toBe('7');
    expect(answer.outputs).toEqual(inputs);
  });

  it('asks under the path, version and headers that it was given', async () => {
    const seen: string[] = [];
    const fake = await FakeServer.start({
      infer: ({ path, headers }, response) => {
        seen.push(path, String(headers['x-team']));
        response.end(goodAnswer);
      },
    });
    const client = new OipHttpClient({ url: `${fake.url}/team/v2/`, headers: { 'x-team': 'a' } });
    closers.push(
      () => fake.close(),
      () => client.close(),
    );
    await client.infer({ name: 'a b/c', version: '3' }, { inputs: [x] });
    expect(seen).toEqual(['/team/v2/models/a%20b%2Fc/versions/3/infer', 'a']);
  });

  it.each([
    [400, 'invalid-argument'],
    [404, 'not-found'],
    [429, 'unavailable'],
    [500, 'internal'],
    [501, 'unsupported'],
    [503, 'unavailable'],
    [504, 'deadline-exceeded'],
  ])("turns status %d into %s with the server's words", async (status, code) => {
    const client = await clientOf({
      infer: (_request, response) => {
        fail(response, status, 'no such luck');
      },
    });
    const error = await errorOf(client.infer(m, { inputs: [x] }));
    expect(error).toMatchObject({ code });
    expect(error.message).toBe(`the server answered ${status} with: no such luck`);
  });

  it.each([
    ['<html>busy</html>', 'with: <html>busy</html>'],
    ['', 'without a message'],
    ['{"detail":[1]}', 'with: [1]'],
  ])('quotes the body %j of an error', async (body, said) => {
    const client = await clientOf({
      infer: (_request, response) => response.writeHead(500).end(body),
    });
    const { message } = await errorOf(client.infer(m, { inputs: [x] }));
    expect(message).toBe(`the server answered 500 ${said}`);
  });

  it.each([
    ['no JSON', /the answer is no valid inference response: the JSON text/],
    ['{"model_name":"m"}', /outputs must be a JSON array/],
    [
      '{"model_name":"m","outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[1]}]}',
      /must have 2 elements/,
    ],
  ])('refuses the answer %j', async (body, message) => {
    const client = await clientOf({ infer: (_request, response) => response.end(body) });
    const error = await errorOf(client.infer(m, { inputs: [x] }));
    expect(error.code).toBe('internal');
    expect(error.message).toMatch(message);
  });

  it('gives up after its timeout', async () => {
    const client = await clientOf({ infer: () => undefined }, { timeoutMs: 30 });
    const error = await errorOf(client.infer(m, { inputs: [x] }));
    expect(error.code).toBe('deadline-exceeded');
    expect(error.message).toMatch(/\/v2\/models\/m\/infer did not answer within 30.0 ms/);
  });

  it('says that the connection was refused, and is then not live', async () => {
    const gone = await FakeServer.start();
    await gone.close();
    const client = new OipHttpClient({ url: gone.url });
    closers.push(() => client.close());
    const error = await errorOf(client.modelMetadata(m));
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(error.message).toBe(`${gone.url}: the connection was refused; is the server running?`);
    expect(await client.isLive()).toBe(false);
  });

  it('says that the server closed the connection', async () => {
    const client = await clientOf({
      infer: (_request, response) => response.socket?.destroy(),
    });
    const error = await errorOf(client.infer(m, { inputs: [x] }));
    expect(error.message).toMatch(/the server closed the connection without answering/);
  });

  it('says that what answers does not speak HTTP', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined).write('220 smtp.example.com ready\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = new OipHttpClient({ url: `127.0.0.1:${port}` });
    closers.push(
      () =>
        new Promise((resolve) => {
          server.close(() => {
            resolve();
          });
          for (const socket of sockets) socket.destroy();
        }),
      () => client.close(),
    );
    const error = await errorOf(client.serverMetadata());
    expect(error.message).toMatch(/does not speak HTTP/);
  });

  it('refuses answers larger than it accepts', async () => {
    const client = await clientOf(
      { infer: (_request, response) => response.end(Buffer.alloc(5000, 32)) },
      { maxAnswerBytes: 1000 },
    );
    const error = await errorOf(client.infer(m, { inputs: [x] }));
    expect(error).toMatchObject({ code: 'resource-exhausted' });
  });

  it('ends a cancelled request once, and goes on with the next', async () => {
    let cancel: (() => void) | undefined;
    const fake: FakeServerOptions = {
      infer: ({ index }, response) => {
        if (index > 0) response.end(goodAnswer);
        else cancel?.();
      },
    };
    const client = await clientOf(fake, { maxConnections: 1 });
    const outcomes: HttpOutcome[] = [];
    const request = { method: 'POST', path: '/v2/models/m/infer' } as const;
    const ended = new Promise<void>((resolve) => {
      cancel = client.send(request, (outcome) => {
        outcomes.push(outcome);
        resolve();
      });
    });
    await ended;
    expect(outcomes).toMatchObject([{ kind: 'lost', reason: 'cancelled' }]);
    expect((await client.infer(m, { inputs: [x] })).modelName).toBe('m');
    expect(outcomes).toHaveLength(1);
  });

  it('ends a request that is cancelled before it has a connection', async () => {
    const client = await clientOf();
    const outcome = await new Promise<HttpOutcome>((resolve) => {
      client.send({ method: 'GET', path: '/v2' }, resolve)();
    });
    expect(outcome).toMatchObject({ kind: 'lost', reason: 'cancelled' });
  });

  it('serves requests beyond its connections in order, but for those cancelled', async () => {
    const order: string[] = [];
    const client = await clientOf(
      {
        infer: ({ path }, response) => {
          order.push(path.slice(-7, -6));
          setTimeout(() => response.end(goodAnswer), 5);
        },
      },
      { maxConnections: 1 },
    );
    const ended: string[] = [];
    const cancels: (() => void)[] = [];
    await new Promise<void>((resolve) => {
      for (const name of ['a', 'b', 'c', 'd']) {
        const path = `/v2/models/${name}/infer`;
        cancels.push(
          client.send({ method: 'POST', path }, ({ kind }) => {
            ended.push(`${name} ${kind}`);
            if (ended.length === 4) resolve();
          }),
        );
      }
      cancels[1]?.();
    });
    expect(order).toEqual(['a', 'c', 'd']);
    expect(ended).toEqual(['b lost', 'a answer', 'c answer', 'd answer']);
  });

  it('reports a header that cannot be sent like any other loss', async () => {
    const client = await clientOf({}, { headers: { 'x-team': 'a\nb' } });
    const error = await errorOf(client.infer(m, { inputs: [x] }));
    expect(error.message).toMatch(/invalid x-team header/);
    const again = await errorOf(client.infer(m, { inputs: [x] }));
    expect(again.message).toMatch(/invalid x-team header/);
  });

  it.each(['ftp://x', 'http://', 'http://u:p@x', 'http://x/?a=1', ''])(
    'refuses the URL %j',
    (url) => {
      expect(() => new OipHttpClient({ url })).toThrow('the server must be an HTTP URL');
    },
  );

  it('refuses empty model names and versions that are no numbers', async () => {
    const client = await clientOf();
    await expect(client.modelMetadata({ name: '' })).rejects.toThrow('must have a name');
    await expect(client.modelMetadata({ name: 'm', version: '../1' })).rejects.toThrow(
      'the version must be a number',
    );
  });
});
