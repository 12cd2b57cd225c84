import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { sleep } from '../../clock.ts';
import { Random } from '../../random.ts';
import { mutate, pick } from './testing/mutate.ts';
import { openSocket } from './testing/raw-client.ts';
import { echoBody, rawPost, start, until } from './testing/start.ts';

/** More of them take longer: `FUZZ_REQUESTS=50000 npx vitest run src/server/http/fuzz.test.ts`. */
const requests = Number(process.env.FUZZ_REQUESTS ?? 3000);
const seed = Number(process.env.FUZZ_SEED ?? 20240613);
/** A request takes a millisecond on a machine that is free, and can take a hundred on a busy one. */
const timeoutMs = 120_000 + 200 * requests;
const concurrency = 48;
const token = 'a token of some length';

const infer = '/v2/models/echo/infer';
const floats = Buffer.from(Float32Array.of(1, 2, 3).buffer);
const strings = Buffer.from('\u0003\u0000\u0000\u0000abc\u0000\u0000\u0000\u0000', 'latin1');

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
}

function binaryBody(): [string, string] {
  const json = JSON.stringify({
    id: '1',
    parameters: { binary_data_output: true },
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } },
      { name: 's', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 11 } },
      { name: 'j', datatype: 'INT64', shape: [2, 1], data: [[1], [2 ** 53]] },
    ],
    outputs: [{ name: 'x' }, { name: 's', parameters: { binary_data: false } }],
  });
  // A number beyond 2^53 as digits: `JSON.stringify` would round it.
  const exact = json.replace('9007199254740992', '9007199254740993');
  return [exact, exact + floats.toString('latin1') + strings.toString('latin1')];
}

function chunked(body: string): string {
  const head = `POST ${infer} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n`;
  const middle = Math.floor(body.length / 2);
  const chunks = [body.slice(0, middle), body.slice(middle), ''];
  return head + chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
}

const [binaryJson, binary] = binaryBody();
const jsonLength = `inference-header-content-length: ${binaryJson.length}`;
const zipped = gzipSync(Buffer.from(binary, 'latin1')).toString('latin1');
const nested = '{"inputs":[{"name":"x","datatype":"BOOL","shape":[2,1],"data":[[true],[false]]}]}';
const upload = '{"parameters":{"config":"{}","file:1/model.onnx":"AAECAwQ="}}';
const trace = `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

/** Honest requests of every kind, from which the faulty ones are made. */
const corpus = [
  get('/v2'),
  get('/v2/health/ready'),
  get('/v2/models/echo'),
  get('/v2/models/echo/versions/1/config'),
  get('/v2/models/stats'),
  rawPost('/v2/repository/index', '{"ready":true}'),
  rawPost('/v2/repository/models/echo/load', upload, `authorization: Bearer ${token}`),
  rawPost('/v2/repository/models/echo/unload', '{"parameters":{"unload_dependents":true}}'),
  rawPost(infer, echoBody(1, 2, 3), trace),
  rawPost(infer, nested),
  rawPost('/v2/models/held/infer', echoBody(1)),
  rawPost(infer, binary, jsonLength),
  rawPost(infer, binary, jsonLength),
  rawPost(infer, zipped, jsonLength, 'content-encoding: gzip'),
  rawPost('/v2/models/row/infer', floats.toString('latin1'), 'inference-header-content-length: 0'),
  rawPost('/v2/models/picture/infer', 'picture', 'content-type: image/jpeg'),
  chunked(echoBody(4, 5)),
  rawPost(infer, echoBody(1)) + rawPost(infer, binary, jsonLength) + get('/v2'),
].map((text) => Buffer.from(text, 'latin1'));

/** How a client behaves once it has sent its bytes. */
type Manner = 'half-close' | 'leave' | 'wait';
const manners: readonly Manner[] = [...new Array<Manner>(8).fill('half-close'), 'leave', 'wait'];

/** What comes back on a connection of its own, until either side is done with it. */
async function send(port: number, bytes: Buffer, manner: Manner): Promise<string> {
  const socket = await openSocket(port);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (manner === 'wait') socket.destroy();
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    if (manner === 'half-close') {
      socket.end(bytes);
      return;
    }
    socket.write(bytes, () => {
      if (manner === 'leave') socket.destroy();
      else void sleep(50).then(() => socket.destroy());
    });
  });
}

it(
  `answers rightly after ${requests} faulty requests`,
  async () => {
    const { server, plane } = await start({
      managementToken: token,
      limits: {
        maxConcurrentRequests: 2 * concurrency,
        maxBodyBytes: 100_000,
      },
    });
    const random = new Random(seed);
    const statuses = new Map<string, number>();
    let sent = 0;

    const worker = async (): Promise<void> => {
      while (sent < requests) {
        sent += 1;
        const bytes = mutate(pick(corpus, random), random);
        const text = await send(server.port, bytes, pick(manners, random));
        const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 'none';
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        // What a stranger sends is never the server's fault.
        if (status === '500')
          throw new Error(`500 for ${JSON.stringify(bytes.toString('latin1'))}`);
        if (text !== '') expect(text).toMatch(/^HTTP\/1\.1 \d{3} /);
        if (sent % 200 === 0) await expectRightAnswers();
      }
    };
    const expectRightAnswers = async (): Promise<void> => {
      const json = await fetch(server.url + infer, { method: 'POST', body: echoBody(7) });
      expect(await json.json()).toMatchObject({ outputs: [{ name: 'x', data: [7] }] });
      const answer = await fetch(server.url + infer, {
        method: 'POST',
        body: Buffer.from(binary, 'latin1'),
        headers: { 'inference-header-content-length': String(binaryJson.length) },
      });
      expect(answer.status).toBe(200);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(bytes.subarray(-12)).toEqual(floats);
      expect(bytes.toString('latin1')).toContain('"data":["abc",""]');
    };

    await Promise.all(Array.from({ length: concurrency }, worker));
    await until(() => server.openRequests() === 0);
    await expectRightAnswers();
    expect(plane.pending.every((pending) => pending.isCancelled())).toBe(true);
    // Every kind of answer came up, so that the faults reached every part.
    for (const status of ['200', '400', '404', 'none']) {
      expect(statuses.get(status) ?? 0).toBeGreaterThan(requests / 200);
    }
    await server.stop();
  },
  timeoutMs,
);
