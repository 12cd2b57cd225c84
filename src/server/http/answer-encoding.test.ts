import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { answerEncoding } from './answer-encoding.ts';
import { call } from './testing/call.ts';
import { echoBody, start } from './testing/start.ts';

describe('the encoding of an answer', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['br, zstd', undefined],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['gzip, deflate, br', 'gzip'],
    ['gzip;q=0.2, deflate; q=0.7', 'deflate'],
    ['gzip;q=0', undefined],
    ['gzip;q=0, *', 'deflate'],
    ['*', 'gzip'],
    ['*;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip', 'gzip'],
    ['gzip;q=much', 'gzip'],
    [';;,,=', undefined],
  ])('asked for as %j is %s', (header, encoding) => {
    expect(answerEncoding(header)).toBe(encoding);
  });
});

describe('answers', () => {
  const infer = '/v2/models/echo/infer';
  const asked = { 'accept-encoding': 'deflate;q=0.5, gzip' };
  const values = Array.from({ length: 1000 }, (_, i) => i % 7);

  it('are compressed for clients that ask, when they are long enough to gain', async () => {
    const { server } = await start();
    const plain = await call(server, 'POST', infer, echoBody(...values));
    expect(plain.headers).not.toHaveProperty('content-encoding');
    const packed = await call(server, 'POST', infer, echoBody(...values), asked);
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(packed.bytes.length).toBeLessThan(plain.bytes.length / 2);
    expect(Number(packed.headers['content-length'])).toBe(packed.bytes.length);
    expect(gunzipSync(packed.bytes).toString()).toBe(plain.text);
    const short = await call(server, 'POST', infer, echoBody(1), asked);
    expect(short.headers).not.toHaveProperty('content-encoding');
  });

  it('tell the length of their JSON part as it is when unpacked', async () => {
    const { server } = await start();
    const body = echoBody(...values).replace(/^{/, '{"parameters":{"binary_data_output":true},');
    const { headers, bytes } = await call(server, 'POST', infer, body, asked);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-encoding': 'gzip',
    });
    const jsonLength = Number(headers['inference-header-content-length']);
    const unpacked = gunzipSync(bytes);
    expect(JSON.parse(unpacked.subarray(0, jsonLength).toString())).toHaveProperty('outputs');
    expect(unpacked.length).toBe(jsonLength + 4 * values.length);
  });
});
