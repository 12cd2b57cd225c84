import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { DnnScalerError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { echoRequest, failure, until } from './testing/client.ts';
import { closeAll, start } from './testing/start.ts';

afterEach(closeAll);

describe('the inference service', () => {
  it('tells liveness and readiness of the server and its models', async () => {
    const { plane, client } = await start();
    expect(await client.call('ServerLive')).toEqual({ live: true });
    expect(await client.call('ServerReady')).toEqual({ ready: true });
    plane.live = false;
    plane.ready = false;
    expect(await client.call('ServerLive')).toEqual({ live: false });
    expect(await client.call('ServerReady')).toEqual({ ready: false });
    const ready = (name: string): Promise<unknown> => client.call('ModelReady', { name });
    expect(await ready('echo')).toEqual({ ready: true });
    expect(await ready('loading')).toEqual({ ready: false });
    expect(await ready('stranger')).toEqual({ ready: false });
  });

  it('tells metadata, configuration and statistics', async () => {
    const { client } = await start();
    expect(await client.call('ServerMetadata')).toEqual({
      name: 'fake',
      version: '1.2.3',
      extensions: ['binary_tensor_data'],
    });
    const tensor = { name: 'x', datatype: 'FP32', shape: [-1, -1] };
    expect(await client.call('ModelMetadata', { name: 'echo' })).toEqual({
      name: 'echo',
      versions: ['1'],
      platform: 'fake',
      inputs: [tensor],
      outputs: [tensor],
    });
    expect(await client.call('ModelConfig', { name: 'row' })).toMatchObject({
      config: {
        name: 'row',
        backend: 'fake',
        max_batch_size: 8,
        input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [-1] }],
      },
    });
    const none = { count: 0, ns: 0 };
    expect(await client.call('ModelStatistics', { name: 'echo' })).toMatchObject({
      model_stats: [{ name: 'echo', version: '1', inference_stats: { queue: none, fail: none } }],
    });
    const all = await client.call('ModelStatistics');
    expect(all.model_stats).toHaveLength(2);
    for (const method of ['ModelMetadata', 'ModelConfig', 'ModelStatistics']) {
      const { code } = await failure(client.call(method, { name: 'stranger' }));
      expect(code).toBe(status.NOT_FOUND);
    }
  });

  it('answers inference with raw contents, the id and the requested outputs', async () => {
    const { plane, client } = await start();
    const request = echoRequest([1, 2.5], {
      id: 'a',
      parameters: { priority: { uint64_param: 1 } },
      outputs: [{ name: 'x', parameters: { classification: { int64_param: 2 } } }],
    });
    const metadata = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    expect(await client.call('ModelInfer', request, { metadata })).toMatchObject({
      model_name: 'echo',
      model_version: '1',
      id: 'a',
      outputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: null }],
      raw_output_contents: [Buffer.from(Float32Array.of(1, 2.5).buffer)],
    });
    expect(plane.lastRequest).toMatchObject({
      parameters: { priority: 1 },
      outputs: [{ name: 'x', classification: 2 }],
    });
    expect(plane.lastContext).toEqual({ transport: 'grpc', ...metadata });
  });

  it('takes a tensor of several megabytes', async () => {
    const { client } = await start();
    const values = Array.from({ length: 2 ** 20 + 1 }, (_, i) => i);
    const answer = await client.call('ModelInfer', echoRequest(values));
    const expected = Buffer.from(Float32Array.from(values).buffer);
    expect(expected.equals((answer.raw_output_contents as [Buffer])[0])).toBe(true);
  });

  it.each<[ErrorCode, status]>([
    ['invalid-argument', status.INVALID_ARGUMENT],
    ['not-found', status.NOT_FOUND],
    ['unsupported', status.UNIMPLEMENTED],
    ['unavailable', status.UNAVAILABLE],
    ['resource-exhausted', status.RESOURCE_EXHAUSTED],
    ['deadline-exceeded', status.DEADLINE_EXCEEDED],
    ['cancelled', status.CANCELLED],
    ['internal', status.INTERNAL],
  ])('answers the error %s with status %i', async (fail, code) => {
    const { client } = await start();
    const request = echoRequest([1], { parameters: { fail: { string_param: fail } } });
    expect(await failure(client.call('ModelInfer', request))).toEqual({
      code,
      details: `failed on request: ${fail}`,
    });
  });

  it('says what is wrong with a request', async () => {
    const { client } = await start();
    const request = echoRequest([1], { raw_input_contents: [Buffer.alloc(3)] });
    expect(await failure(client.call('ModelInfer', request))).toEqual({
      code: status.INVALID_ARGUMENT,
      details: 'raw contents of input "x" must have 4 bytes for 1 elements of FP32; received 3',
    });
  });

  it('keeps faults that nobody foresaw to itself, and tells the operator', async () => {
    const faults: unknown[] = [];
    const { plane, client } = await start({ onFault: (fault) => faults.push(fault) });
    const secret = new TypeError('secret');
    plane.serverMetadata = () => {
      throw secret;
    };
    plane.infer = () => {
      throw secret;
    };
    const internal = { code: status.INTERNAL, details: 'internal error' };
    expect(await failure(client.call('ServerMetadata'))).toEqual(internal);
    expect(await failure(client.call('ModelInfer', echoRequest([1])))).toEqual(internal);
    plane.infer = (_request, _context, done) => {
      done(null, { modelName: 'm', modelVersion: '1', parameters: { a: 2n ** 70n }, outputs: [] });
      return () => {};
    };
    const { code } = await failure(client.call('ModelInfer', echoRequest([1])));
    expect(code).toBe(status.INTERNAL);
    expect(faults).toEqual([secret, secret]);
  });

  it('sends errors whose text no header could hold', async () => {
    const { plane, client } = await start();
    plane.serverMetadata = () => {
      throw new DnnScalerError('unavailable', `${'é'.repeat(1023)}😀 and more`);
    };
    const { code, details } = await failure(client.call('ServerMetadata'));
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toMatch(/^é{1023}\ufffd$/);
  });

  it('cancels what a client no longer waits for', async () => {
    const { plane, client } = await start();
    const request = echoRequest([1], { model_name: 'held' });
    const onCall = (call: { cancel(): void }): void => {
      void until(() => plane.pending.length === 1).then(() => call.cancel());
    };
    const { code } = await failure(client.call('ModelInfer', request, { onCall }));
    expect(code).toBe(status.CANCELLED);
    await until(() => plane.cancelled === 1);
    // A busy machine may let a short deadline pass before the call has reached the server.
    for (let deadlineMs = 50; plane.pending.length < 2; deadlineMs *= 2) {
      const late = await failure(client.call('ModelInfer', request, { deadlineMs }));
      expect(late.code).toBe(status.DEADLINE_EXCEEDED);
    }
    await until(() => plane.cancelled === plane.pending.length);
  });

  it('answers settings and shared memory as things it does not have', async () => {
    const { client } = await start();
    expect(await client.call('TraceSetting')).toEqual({
      settings: { trace_level: { value: ['OFF'] } },
    });
    expect(await client.call('LogSettings')).toEqual({ settings: {} });
    const unimplemented = status.UNIMPLEMENTED;
    const trace = { settings: { trace_level: { value: ['TIMESTAMPS'] } } };
    expect((await failure(client.call('TraceSetting', trace))).code).toBe(unimplemented);
    const log = { settings: { log_info: { bool_param: true } } };
    expect((await failure(client.call('LogSettings', log))).code).toBe(unimplemented);
    const path = '/inference.GRPCInferenceService/SystemSharedMemoryStatus';
    expect((await failure(client.callPath(path))).code).toBe(unimplemented);
  });
});
