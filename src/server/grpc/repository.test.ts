import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { failure } from './testing/client.ts';
import { closeAll, start } from './testing/start.ts';

const token = 'a-long-management-token';

afterEach(closeAll);

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
