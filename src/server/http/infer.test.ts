import { describe, expect, it } from 'vitest';
import { deflateSync, gzipSync } from 'node:zlib';
import { encodeInferRequest } from '../../oip/infer-request.ts';
import { decodeInferResponse } from '../../oip/infer-response.ts';
import type { WireTensor } from '../../oip/tensor.ts';
import { openSocket, receiveUntil } from './testing/raw-client.ts';
import { echoBody, rawPost, start, until } from './testing/start.ts';

const infer = '/v2/models/echo/infer';
const floats: WireTensor = {
  name: 'x',
  datatype: 'FP32',
  shape: [2, 2],
  data: Float32Array.of(1, 2, 3, NaN),
};

function post(
  url: string,
  body: RequestInit['body'],
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', body: body ?? null, headers });
}

function binaryRequest(
  inputs: readonly WireTensor[],
): [Buffer<ArrayBuffer>, Record<string, string>] {
  const request = { modelName: '', modelVersion: '', id: 'i', parameters: {}, inputs, outputs: [] };
  const message = encodeInferRequest(request, { binaryInputs: true, binaryOutputs: true });
  const headers = { 'inference-header-content-length': String(message.jsonBytes) };
  return [Buffer.concat(message.parts), headers];
}

async function tensorsOf(response: Response): Promise<readonly WireTensor[]> {
  const header = response.headers.get('inference-header-content-length');
  const body = new Uint8Array(await response.arrayBuffer());
  return decodeInferResponse(body, header === null ? undefined : Number(header)).outputs;
}

describe('inference', () => {
  it.each([
    'application/json',
    'application/x-www-form-urlencoded',
    'text/plain;charset=UTF-8',
    'no/such type; at all;;',
    'image/webp',
    ';',
  ])('reads JSON under content type %j', async (type) => {
    const { server } = await start();
    const response = await post(server.url + infer, echoBody(1, 2.5), { 'content-type': type });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('inference-header-content-length')).toBeNull();
    expect(await response.json()).toEqual({
      model_name: 'echo',
      model_version: '1',
      outputs: [{ name: 'x', datatype: 'FP32', shape: [2], data: [1, 2.5] }],
    });
  });

  it('hands over version, id, parameters and outputs', async () => {
    const { server, plane } = await start();
    const body = JSON.stringify({
      id: '42',
      parameters: { priority: 1, timeout: 5000 },
      inputs: [{ name: 'x', datatype: 'INT8', shape: [1], data: [7] }],
      outputs: [{ name: 'x', parameters: { classification: 3 } }],
    });
    const response = await post(`${server.url}/v2/models/echo/versions/7/infer`, body);
    expect(plane.lastRequest).toMatchObject({
      modelName: 'echo',
      modelVersion: '7',
      id: '42',
      parameters: { priority: 1, timeout: 5000 },
      outputs: [{ name: 'x', classification: 3 }],
    });
    expect(await response.json()).toMatchObject({ id: '42', model_version: '7' });
  });

  it('speaks binary both ways', async () => {
    const { server } = await start();
    const strings: WireTensor = {
      name: 's',
      datatype: 'BYTES',
      shape: [1],
      data: [Uint8Array.of(255, 0)],
    };
    const response = await post(server.url + infer, ...binaryRequest([strings, floats]));
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(await tensorsOf(response)).toEqual([strings, floats]);
  });

  it('hands large tensors over as views of the body', async () => {
    const { server, plane } = await start();
    const data = Float32Array.from({ length: 150_000 }, (_, i) => i);
    for (const name of ['x', 'xy', 'xyz', 'xyza']) {
      const tensor: WireTensor = { name, datatype: 'FP32', shape: [150_000], data };
      const [body, headers] = binaryRequest([tensor]);
      const response = await post(server.url + infer, body, headers);
      const sentBack = Buffer.from(await response.arrayBuffer()).subarray(-4 * data.length);
      expect(sentBack.equals(Buffer.from(data.buffer))).toBe(true);
      const received = plane.lastRequest!.inputs[0]!.data as Float32Array;
      // The JSON text lies in front of it in the same buffer.
      const jsonBytes = Number(headers['inference-header-content-length']);
      expect(received.byteOffset).toBeGreaterThanOrEqual(jsonBytes);
    }
  });

  it('takes raw binary as the one row of the one input', async () => {
    const { server } = await start();
    const url = `${server.url}/v2/models/row/infer`;
    const header = { 'inference-header-content-length': '0' };
    const response = await post(url, new Uint8Array(Float32Array.of(1, 2).buffer), header);
    expect(await tensorsOf(response)).toEqual([
      { name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) },
    ]);
    expect((await post(url, 'abc', header)).status).toBe(400);
    expect((await post(server.url + infer, 'abcd', header)).status).toBe(400);
    const unknown = server.url + infer.replace('echo', 'none');
    expect((await post(unknown, 'abcd', header)).status).toBe(404);
  });

  it.each(['image/jpeg', 'image/png', 'IMAGE/PNG; q=1'])('takes a picture as %s', async (type) => {
    const { server } = await start();
    const url = `${server.url}/v2/models/picture/infer`;
    const response = await post(url, Uint8Array.of(0xff, 0xd8), { 'content-type': type });
    expect(await response.json()).toMatchObject({ outputs: [{ name: 'image', data: [255, 216] }] });
    const other = await post(server.url + infer, 'x', { 'content-type': type });
    expect(other.status).toBe(501);
  });

  it('passes a trace context through, and only a valid one', async () => {
    const { server, plane } = await start();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const response = await post(server.url + infer, echoBody(1), { traceparent });
    expect(response.headers.get('traceparent')).toBe(traceparent);
    expect(plane.lastContext).toEqual({ transport: 'http', traceparent });
    const refused = await post(server.url + infer, '{', { traceparent });
    expect(refused.headers.get('traceparent')).toBe(traceparent);
    const invalid = await post(server.url + infer, echoBody(1), { traceparent: 'x'.repeat(55) });
    expect(invalid.headers.get('traceparent')).toBeNull();
    expect(plane.lastContext).toEqual({ transport: 'http' });
  });

  it.each([
    ['', /the JSON text/],
    ['{', /the JSON text/],
    ['{}', /inputs must be a JSON array/],
    ['null', /must be a JSON object/],
  ])('of %j is refused', async (body, message) => {
    const { server } = await start();
    const response = await post(server.url + infer, body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toMatch(message);
  });

  it.each(['-1', '7', '1e3', 'x'])(
    'with header length %s of 5 bytes is refused',
    async (length) => {
      const { server } = await start();
      const header = { 'inference-header-content-length': length };
      expect((await post(server.url + infer, '12345', header)).status).toBe(400);
    },
  );
});

describe('compressed bodies', () => {
  it.each([
    ['gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['identity', (body: Uint8Array) => body],
  ])('in %s are unpacked before they are split', async (encoding, pack) => {
    const { server } = await start();
    const [body, headers] = binaryRequest([floats]);
    const response = await post(server.url + infer, new Uint8Array(pack(body)), {
      ...headers,
      'content-encoding': encoding,
    });
    expect(await tensorsOf(response)).toEqual([floats]);
  });

  it.each(['br', 'zstd', 'gzip, gzip'])('in %s are unsupported', async (encoding) => {
    const { server } = await start();
    const headers = { 'content-encoding': encoding };
    const response = await post(server.url + infer, 'x', headers);
    expect(response.status).toBe(501);
    expect(response.headers.get('accept-encoding')).toBe('gzip, deflate');
  });

  it('that are broken are refused', async () => {
    const { server } = await start();
    const headers = { 'content-encoding': 'gzip' };
    const packed = new Uint8Array(gzipSync(echoBody(1)));
    expect((await post(server.url + infer, 'no gzip', headers)).status).toBe(400);
    expect((await post(server.url + infer, packed.slice(0, -9), headers)).status).toBe(400);
    expect((await post(server.url + infer, '', headers)).status).toBe(400);
  });

  it('have their limit after unpacking', async () => {
    const { server } = await start({ limits: { maxBodyBytes: 100_000 } });
    const headers = { 'content-encoding': 'gzip' };
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50_000_000)));
    expect(bomb.length).toBeLessThan(100_000);
    expect((await post(server.url + infer, bomb, headers)).status).toBe(413);
  });
});

describe('limits', () => {
  it('refuse long bodies, whether their length is told or not', async () => {
    const { server } = await start({ limits: { maxBodyBytes: 1000 } });
    expect((await post(server.url + infer, 'x'.repeat(1001))).status).toBe(413);
    const stream = new ReadableStream({
      start: (controller) => {
        for (let i = 0; i < 11; i += 1) controller.enqueue(new Uint8Array(100));
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' };
    expect((await fetch(server.url + infer, init as RequestInit)).status).toBe(413);
    expect((await post(server.url + infer, echoBody(1))).status).toBe(200);
  });

  it('read chunked bodies of any size below', async () => {
    const { server } = await start();
    const values = Array.from({ length: 50_000 }, (_, i) => i);
    const text = Buffer.from(echoBody(...values));
    const stream = new ReadableStream({
      start: (controller) => {
        for (let at = 0; at < text.length; at += 7001) {
          controller.enqueue(text.subarray(at, at + 7001));
        }
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' };
    const response = await fetch(server.url + infer, init as RequestInit);
    expect((await tensorsOf(response))[0]!.data).toEqual(Float32Array.from(values));
  });

  it('refuse more requests at once than allowed', async () => {
    const { server, plane } = await start({ limits: { maxConcurrentRequests: 2 } });
    const held = `${server.url}/v2/models/held/infer`;
    const waiting = [post(held, echoBody(1)), post(held, echoBody(2))];
    await until(() => plane.pending.length === 2);
    expect((await post(held, echoBody(3))).status).toBe(503);
    expect((await fetch(`${server.url}/v2/health/live`)).status).toBe(200);
    plane.pending.forEach((pending) => pending.answer());
    for (const answer of waiting) expect((await answer).status).toBe(200);
    expect((await post(server.url + infer, echoBody(3))).status).toBe(200);
  });

  it('count what has arrived, not what is announced', async () => {
    const maxBodyBytes = 32 * 2 ** 20;
    const { server } = await start({ limits: { maxBodyBytes, maxBufferedBytes: maxBodyBytes } });
    const announced = rawPost(infer, '').replace('length: 0', `length: ${maxBodyBytes}`);
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(server.port)));
    for (const socket of sockets) socket.write(announced);
    await until(() => server.openRequests() === 3);
    expect((await post(server.url + infer, echoBody(1))).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('refuse more bytes at once than allowed, and count them back', async () => {
    const { server, plane } = await start({
      limits: { maxBodyBytes: 1000, maxBufferedBytes: 1500 },
    });
    const held = `${server.url}/v2/models/held/infer`;
    const body = echoBody(1).padEnd(900);
    for (let round = 0; round < 3; round += 1) {
      const first = post(held, body);
      await until(() => plane.pending.length === 1);
      expect((await post(held, body)).status).toBe(503);
      plane.pending.pop()!.answer();
      expect((await first).status).toBe(200);
    }
  });
});

describe('a client that leaves', () => {
  it('cancels what it asked for', async () => {
    const { server, plane } = await start();
    const controller = new AbortController();
    const answer = fetch(`${server.url}/v2/models/held/infer`, {
      method: 'POST',
      body: echoBody(1),
      signal: controller.signal,
    });
    await until(() => plane.pending.length === 1);
    controller.abort();
    await expect(answer).rejects.toThrow();
    await until(() => plane.cancelled === 1);
    await until(() => server.openRequests() === 0);
  });

  it('is counted as one that left, all others by the status of their answer', async () => {
    const statuses: number[] = [];
    const { server, plane } = await start({ onAnswer: (status) => statuses.push(status) });
    await post(server.url + infer, echoBody(1));
    await post(server.url + infer, 'no JSON');
    const socket = await openSocket(server.port);
    socket.write(rawPost('/v2/models/held/infer', echoBody(1)));
    await until(() => plane.pending.length === 1);
    socket.destroy();
    await until(() => statuses.length === 3);
    expect(statuses).toEqual([200, 400, 499]);
  });

  it('cancels everything it had in the pipeline, and frees its places', async () => {
    const { server, plane } = await start({ limits: { maxConcurrentRequests: 3 } });
    for (let round = 1; round <= 4; round += 1) {
      const socket = await openSocket(server.port);
      socket.write(rawPost('/v2/models/held/infer', echoBody(1)).repeat(3));
      await until(() => plane.pending.length === 3 * round);
      socket.destroy();
      await until(() => plane.cancelled === 3 * round);
      await until(() => server.openRequests() === 0);
    }
    expect((await post(server.url + infer, echoBody(1))).status).toBe(200);
  });

  it('gets pipelined answers in order', async () => {
    const { server, plane } = await start();
    const socket = await openSocket(server.port);
    const requests = [1, 2, 3].map((i) => rawPost('/v2/models/held/infer', echoBody(i)));
    const received = receiveUntil(socket, '"data":[3]');
    socket.write(requests.join(''));
    await until(() => plane.pending.length === 3);
    [...plane.pending].reverse().forEach((pending) => pending.answer());
    const text = await received;
    expect(text.match(/"data":\[\d\]/g)).toEqual(['"data":[1]', '"data":[2]', '"data":[3]']);
    socket.destroy();
  });
});
