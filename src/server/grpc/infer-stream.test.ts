import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { Message } from './testing/client.ts';
import { collect, echoRequest, until } from './testing/client.ts';
import { closeAll, start } from './testing/start.ts';

afterEach(closeAll);

const held = (id: string): Message => echoRequest([1], { model_name: 'held', id });
const ids = (messages: readonly Message[]): unknown[] =>
  messages.map(({ infer_response }) => (infer_response as Message | null)?.id);

describe('ModelStreamInfer', () => {
  it('answers in the order of the requests, whichever is ready first', async () => {
    const { plane, client } = await start();
    const stream = client.stream();
    const done = collect(stream);
    for (const id of ['a', 'b', 'c']) stream.write(held(id));
    stream.end();
    await until(() => plane.pending.length === 3);
    for (const index of [2, 0, 1]) plane.pending[index]!.answer();
    const { messages, code } = await done;
    expect(ids(messages)).toEqual(['a', 'b', 'c']);
    expect(code).toBe(status.OK);
  });

  it('tells the error of one request inside the stream, and goes on', async () => {
    const { client } = await start();
    const stream = client.stream();
    const done = collect(stream);
    const fail = { parameters: { fail: { string_param: 'unavailable' } } };
    stream.write(echoRequest([1], { id: 'a' }));
    stream.write(echoRequest([1], { id: 'b', ...fail }));
    stream.write(echoRequest([1], { id: 'c', raw_input_contents: [Buffer.alloc(1)] }));
    stream.write(echoRequest([2], { id: 'd' }));
    stream.end();
    const { messages, code } = await done;
    expect(messages.map(({ error_message }) => error_message)).toEqual([
      '',
      'failed on request: unavailable',
      'raw contents of input "x" must have 4 bytes for 1 elements of FP32; received 1',
      '',
    ]);
    expect(ids(messages)).toEqual(['a', 'b', undefined, 'd']);
    expect(code).toBe(status.OK);
  });

  it('passes the trace context on', async () => {
    const { plane, client } = await start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const stream = client.stream('ModelStreamInfer', undefined, { traceparent });
    const done = collect(stream);
    stream.write(echoRequest([1]));
    stream.end();
    await done;
    expect(plane.lastContext).toEqual({ transport: 'grpc', traceparent });
  });

  it('cancels what waits when the client leaves', async () => {
    const { plane, server, client } = await start();
    const stream = client.stream();
    const done = collect(stream);
    for (const id of ['a', 'b', 'c']) stream.write(held(id));
    await until(() => plane.pending.length === 3);
    stream.cancel();
    expect((await done).code).toBe(status.CANCELLED);
    await until(() => plane.cancelled === 3 && server.openCalls() === 0);
  });

  it('reads no further than its bound until answers are ready', async () => {
    const { plane, client } = await start({ limits: { maxRequestsOfStream: 4 } });
    const stream = client.stream();
    const done = collect(stream);
    const sent = Array.from({ length: 200 }, (_, i) => String(i));
    for (const id of sent) stream.write(held(id));
    stream.end();
    await until(() => plane.pending.length === 4);
    // A call on the same connection passes by, so what was going to arrive has.
    await client.call('ServerLive');
    expect(plane.pending).toHaveLength(4);
    for (let next = 0; next < sent.length; next += 1) {
      await until(() => plane.pending.length > next);
      expect(plane.pending.length - next).toBeLessThanOrEqual(4);
      plane.pending[next]!.answer();
    }
    expect(ids((await done).messages)).toEqual(sent);
  });

  it('waits for a client that does not take its answers', async () => {
    const { plane, client } = await start({ limits: { maxRequestsOfStream: 8 } });
    const stream = client.stream();
    stream.pause();
    const values = new Array<number>(2 ** 16).fill(1);
    for (let i = 0; i < 100; i += 1) stream.write(echoRequest(values, { id: String(i) }));
    stream.end();
    let asked = 0;
    const infer = plane.infer.bind(plane);
    plane.infer = (...args) => {
      asked += 1;
      return infer(...args);
    };
    await until(() => asked > 0);
    await client.call('ServerLive');
    expect(asked).toBeLessThan(100);
    const { messages, code } = await collect(stream.resume());
    expect(messages).toHaveLength(100);
    expect(code).toBe(status.OK);
  });

  it('ends when the server stops, once what it has brought is answered', async () => {
    const { plane, server, client } = await start();
    const stream = client.stream();
    const done = collect(stream);
    stream.write(held('a'));
    await until(() => plane.pending.length === 1);
    const stopped = server.stop();
    plane.pending[0]!.answer();
    const { messages, code, details } = await done;
    expect(ids(messages)).toEqual(['a']);
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toMatch(/stopping/);
    await stopped;
  });
});
