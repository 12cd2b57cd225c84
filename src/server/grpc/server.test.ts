import { credentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { afterEach, describe, expect, it } from 'vitest';
import { DnnScalerError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { FakeDataPlane } from '../http/testing/fake-data-plane.ts';
import { tlsPair } from '../http/testing/tls-pair.ts';
import type { GrpcServerOptions } from './options.ts';
import type { GrpcServer } from './server.ts';
import { startGrpcServer } from './server.ts';
import { collect, echoRequest, failure, TestClient, until } from './testing/client.ts';

const token = 'a-long-management-token';
const health = loadSync(healthProtoPath, { keepCase: true, enums: String, defaults: true })[
  'grpc.health.v1.Health'
] as ServiceDefinition;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: GrpcServerOptions = {}): Promise<{
  plane: FakeDataPlane;
  server: GrpcServer;
  client: TestClient;
}> {
  const plane = new FakeDataPlane();
  const server = await startGrpcServer(plane, { port: 0, ...options });
  const client = new TestClient(server.target.replace('0.0.0.0', '127.0.0.1'));
  closers.push(
    () => client.close(),
    () => server.stop(0),
  );
  return { plane, server, client };
}

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
    const late = await failure(client.call('ModelInfer', request, { deadlineMs: 50 }));
    expect(late.code).toBe(status.DEADLINE_EXCEEDED);
    await until(() => plane.cancelled === 2);
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
    const shared: ServiceDefinition = {
      Status: {
        ...health.Check!,
        path: '/inference.GRPCInferenceService/SystemSharedMemoryStatus',
      },
    };
    expect((await failure(client.callOf(shared, 'Status', {}))).code).toBe(unimplemented);
  });
});

describe('the model repository', () => {
  const upload = {
    model_name: 'echo',
    parameters: {
      config: { string_param: '{}' },
      'file:1/model.onnx': { bytes_param: Buffer.of(1, 2) },
    },
  };

  it('is listed, and changed without a token by clients of this machine', async () => {
    const { plane, client } = await start();
    expect((await client.call('RepositoryIndex', { ready: true })).models).toEqual([
      { name: 'echo', version: '1', state: 'READY', reason: '' },
    ]);
    expect((await client.call('RepositoryIndex')).models).toHaveLength(2);
    const load = { model_name: 'echo', parameters: { config: { string_param: '{"a":1}' } } };
    await client.call('RepositoryModelLoad', load);
    expect(plane.loads).toEqual([
      { name: 'echo', options: { config: '{"a":1}', files: new Map() } },
    ]);
    const unload = { model_name: 'echo', parameters: { unload_dependents: { bool_param: true } } };
    await client.call('RepositoryModelUnload', unload);
    expect(plane.unloads).toEqual(['echo']);
  });

  it('refuses what it does not understand', async () => {
    const { client } = await start();
    const codeOf = async (method: string, request: object): Promise<number> =>
      (await failure(client.call(method, { ...request }))).code;
    const bad = status.INVALID_ARGUMENT;
    expect(await codeOf('RepositoryModelLoad', { model_name: '../x' })).toBe(bad);
    expect(await codeOf('RepositoryModelLoad', { model_name: 'stranger' })).toBe(status.NOT_FOUND);
    const parameters = { cofnig: { string_param: '{}' } };
    expect(await codeOf('RepositoryModelLoad', { model_name: 'echo', parameters })).toBe(bad);
    const config = { config: { bool_param: true } };
    expect(await codeOf('RepositoryModelLoad', { model_name: 'echo', parameters: config })).toBe(
      bad,
    );
    expect(await codeOf('RepositoryModelUnload', { model_name: 'echo', parameters })).toBe(bad);
    const elsewhere = { repository_name: 'r', model_name: 'echo' };
    for (const method of ['RepositoryIndex', 'RepositoryModelLoad', 'RepositoryModelUnload']) {
      const request = method === 'RepositoryIndex' ? { repository_name: 'r' } : elsewhere;
      expect(await codeOf(method, request)).toBe(status.UNIMPLEMENTED);
    }
  });

  it('takes uploads with the token only', async () => {
    const { plane, client } = await start({ managementToken: token });
    const send = (authorization?: string): Promise<unknown> =>
      client.call(
        'RepositoryModelLoad',
        upload,
        authorization === undefined ? {} : { metadata: { authorization } },
      );
    expect((await failure(send())).code).toBe(status.UNAUTHENTICATED);
    expect((await failure(send('Bearer wrong'))).code).toBe(status.UNAUTHENTICATED);
    expect(plane.loads).toEqual([]);
    await send(`Bearer ${token}`);
    const files = new Map([['1/model.onnx', Buffer.of(1, 2)]]);
    expect(plane.loads).toEqual([{ name: 'echo', options: { config: '{}', files } }]);

    const without = await start();
    const { code } = await failure(without.client.call('RepositoryModelLoad', upload));
    expect(code).toBe(status.PERMISSION_DENIED);
  });

  it('needs the token for every change when other machines can connect', async () => {
    const { plane, client } = await start({ host: '0.0.0.0', managementToken: token });
    for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
      const request = { model_name: 'echo' };
      expect((await failure(client.call(method, request))).code).toBe(status.UNAUTHENTICATED);
      await client.call(method, request, { metadata: { authorization: `bearer ${token}` } });
    }
    expect(plane.loads).toHaveLength(1);
    expect(plane.unloads).toHaveLength(1);
    expect((await client.call('RepositoryIndex')).models).toHaveLength(2);
  });
});

describe('the services beside inference', () => {
  it('tell health to those who ask and those who watch', async () => {
    const { plane, client, server } = await start();
    const check = (service: string): Promise<unknown> =>
      client.callOf(health, 'Check', { service });
    expect(await check('')).toEqual({ status: 'SERVING' });
    expect(await check('inference.GRPCInferenceService')).toEqual({ status: 'SERVING' });
    expect((await failure(check('stranger'))).code).toBe(status.NOT_FOUND);
    plane.ready = false;
    expect(await check('')).toEqual({ status: 'NOT_SERVING' });
    expect(await client.callOf(health, 'List', {})).toMatchObject({
      statuses: { '': { status: 'NOT_SERVING' } },
    });
    const watch = client.stream('Watch', health);
    const watched = collect(watch);
    const seen: unknown[] = [];
    watch.on('data', (message) => seen.push(message));
    watch.write({ service: '' });
    watch.end();
    await until(() => seen.length === 1);
    plane.ready = true;
    await until(() => seen.length === 2);
    await server.stop();
    expect(await watched).toMatchObject({
      code: status.OK,
      messages: [{ status: 'NOT_SERVING' }, { status: 'SERVING' }, { status: 'NOT_SERVING' }],
    });
  });

  it('tell clients what services there are', async () => {
    const { client, server } = await start();
    const reflection = loadSync(
      new URL(
        '../../proto/grpc/reflection/v1/reflection.proto',
        import.meta.resolve('@grpc/reflection'),
      ).pathname,
      { keepCase: true, defaults: true },
    )['grpc.reflection.v1.ServerReflection'] as ServiceDefinition;
    const stream = client.stream('ServerReflectionInfo', reflection);
    const answers: Record<string, unknown>[] = [];
    stream.on('data', (answer: Record<string, unknown>) => answers.push(answer));
    const ended = collect(stream);
    stream.write({ list_services: '*' });
    stream.write({ file_containing_symbol: 'inference.ModelInferRequest' });
    await until(() => answers.length === 2);
    expect(answers[0]).toMatchObject({
      list_services_response: {
        service: expect.arrayContaining([
          { name: 'inference.GRPCInferenceService' },
          { name: 'grpc.health.v1.Health' },
        ]),
      },
    });
    const [file] = (answers[1]?.file_descriptor_response as { file_descriptor_proto: [Buffer] })
      .file_descriptor_proto;
    expect(file.includes('raw_input_contents')).toBe(true);
    await server.stop();
    expect((await ended).code).toBe(status.OK);
  });
});

describe('the server', () => {
  it('speaks TLS when it is given a certificate', async () => {
    const { server, plane } = await start({ tls: tlsPair });
    const client = new TestClient(
      `localhost:${server.port}`,
      credentials.createSsl(Buffer.from(tlsPair.cert)),
    );
    closers.unshift(() => client.close());
    expect(await client.call('ServerLive')).toEqual({ live: true });
    plane.live = false;
    expect(await client.call('ServerLive')).toEqual({ live: false });
  });

  it('refuses options that make no sense', async () => {
    const plane = new FakeDataPlane();
    const code = async (options: GrpcServerOptions): Promise<unknown> =>
      startGrpcServer(plane, options).then(
        (server) => server.stop(),
        (error: unknown) => (error as DnnScalerError).code,
      );
    expect(await code({ port: 70_000 })).toBe('invalid-argument');
    expect(await code({ port: 0, managementToken: 'short' })).toBe('invalid-argument');
    expect(await code({ port: 0, limits: { maxMessageBytes: 0 } })).toBe('invalid-argument');
    expect(await code({ port: 0, limits: { maxBufferedBytes: 5 } })).toBe('invalid-argument');
    expect(await code({ port: 0, tls: { cert: 'no', key: 'pem' } })).toBe('invalid-argument');
    const { server } = await start();
    expect(await code({ port: server.port })).toBe('unavailable');
  });

  it('finishes what it has begun before it stops, and takes nothing more', async () => {
    const { plane, server, client } = await start();
    const answer = client.call('ModelInfer', echoRequest([7], { model_name: 'held' }));
    await until(() => plane.pending.length === 1);
    let hasStopped = false;
    const stopped = server.stop().then(() => (hasStopped = true));
    const late = new TestClient(server.target);
    expect((await failure(late.call('ServerLive'))).code).toBe(status.UNAVAILABLE);
    late.close();
    expect(hasStopped).toBe(false);
    plane.pending[0]!.answer();
    expect(await answer).toMatchObject({ model_name: 'held' });
    await stopped;
    expect(server.openCalls()).toBe(0);
  });

  it('cuts off what is left when its time to stop is up', async () => {
    const { plane, server, client } = await start();
    const answer = failure(client.call('ModelInfer', echoRequest([7], { model_name: 'held' })));
    await until(() => plane.pending.length === 1);
    await server.stop(10);
    expect((await answer).code).toBe(status.UNAVAILABLE);
    expect(plane.cancelled).toBe(1);
  });
});
