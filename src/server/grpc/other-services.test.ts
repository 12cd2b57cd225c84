import { status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { afterEach, describe, expect, it } from 'vitest';
import { collect, failure, until } from './testing/client.ts';
import { closeAll, start } from './testing/start.ts';

const loadOptions = { keepCase: true, enums: String, defaults: true };
const health = loadSync(healthProtoPath, loadOptions)['grpc.health.v1.Health'] as ServiceDefinition;
const reflectionProto = '../proto/grpc/reflection/v1/reflection.proto';
const reflection = loadSync(
  new URL(reflectionProto, import.meta.resolve('@grpc/reflection')).pathname,
  loadOptions,
)['grpc.reflection.v1.ServerReflection'] as ServiceDefinition;

afterEach(closeAll);

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
    const stream = client.stream('ServerReflectionInfo', reflection);
    const answers: Record<string, unknown>[] = [];
    stream.on('data', (answer: Record<string, unknown>) => answers.push(answer));
    const ended = collect(stream);
    stream.write({ list_services: '*' });
    stream.write({ file_containing_symbol: 'inference.ModelInferRequest' });
    await until(() => answers.length === 2);
    const listed = answers[0]?.list_services_response as { service: readonly object[] };
    expect(listed.service).toContainEqual({ name: 'inference.GRPCInferenceService' });
    expect(listed.service).toContainEqual({ name: 'grpc.health.v1.Health' });
    const [file] = (answers[1]?.file_descriptor_response as { file_descriptor_proto: [Buffer] })
      .file_descriptor_proto;
    expect(file.includes('raw_input_contents')).toBe(true);
    // The name that the language prescribes for the entries of a map `parameters`.
    expect(file.includes('ParametersEntry')).toBe(true);
    await server.stop();
    expect((await ended).code).toBe(status.OK);
  });
});
