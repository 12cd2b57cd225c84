import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../../errors.ts';
import { makeSlo } from '../../slo.ts';
import type { Slo } from '../../slo.ts';
import { call } from './testing/call.ts';
import { echoBody, start } from './testing/start.ts';

describe('routes that read', () => {
  it('tell about the server', async () => {
    const { server } = await start();
    const answer = await call(server, 'GET', '/v2');
    expect(answer.json).toEqual({
      name: 'fake',
      version: '1.2.3',
      extensions: ['binary_tensor_data'],
    });
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it('tell its health by status and JSON', async () => {
    const { server, plane } = await start();
    expect(await call(server, 'GET', '/v2/health/live')).toMatchObject({
      status: 200,
      json: { live: true },
    });
    plane.live = false;
    plane.ready = false;
    expect(await call(server, 'GET', '/v2/health/live')).toMatchObject({
      status: 400,
      json: { live: false },
    });
    expect(await call(server, 'GET', '/v2/health/ready')).toMatchObject({
      status: 400,
      json: { ready: false },
    });
  });

  it.each(['/v2/models/echo', '/v2/models/echo/versions/1'])('tell about %s', async (base) => {
    const { server, plane } = await start();
    expect((await call(server, 'GET', base)).json).toEqual(plane.modelMetadata('echo', ''));
    expect((await call(server, 'GET', `${base}/ready`)).json).toEqual({
      name: 'echo',
      ready: true,
    });
    expect((await call(server, 'GET', `${base}/config`)).json).toEqual(
      plane.modelConfig('echo', ''),
    );
    expect((await call(server, 'GET', `${base}/stats`)).json).toEqual({
      model_stats: plane.statistics('echo', ''),
    });
  });

  it('tell the statistics of all models', async () => {
    const { server, plane } = await start();
    expect((await call(server, 'GET', '/v2/models/stats')).json).toEqual({
      model_stats: plane.statistics('', ''),
    });
  });

  it('tell that a model is not ready', async () => {
    const { server } = await start();
    expect(await call(server, 'GET', '/v2/models/loading/ready')).toMatchObject({
      status: 400,
      json: { name: 'loading', ready: false },
    });
    expect(await call(server, 'GET', '/v2/models/loading')).toMatchObject({ status: 503 });
  });

  it('answer HEAD as GET, without the body', async () => {
    const { server } = await start();
    const answer = await call(server, 'HEAD', '/v2');
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(10);
  });

  it('give the metrics when there are any', async () => {
    const contentType = 'text/plain; version=0.0.4; charset=utf-8';
    const { server } = await start({ metrics: async () => ({ contentType, body: 'a 1\n' }) });
    const answer = await call(server, 'GET', '/metrics');
    expect(answer.headers['content-type']).toBe(contentType);
    expect(answer.text).toBe('a 1\n');
    expect((await call((await start()).server, 'GET', '/metrics')).status).toBe(404);
  });
});

describe('errors', () => {
  it.each([
    ['GET', '/', 404],
    ['GET', '/v2/', 404],
    ['GET', '/v2/nothing', 404],
    ['GET', '/v2/models/unknown', 404],
    ['GET', '/v2/models/unknown/ready', 404],
    ['GET', '/v2/models/unknown/stats', 404],
    ['GET', '/v2/models/echo/versions/2', 404],
    ['GET', '/v2/models/echo/versions/x', 404],
    ['GET', '/v2/models/echo/versions/1x/config', 404],
    ['GET', '/v2/models/..%2f..%2fetc', 400],
    ['GET', '/v2/models/..', 400],
    ['GET', '/v2/models/a%5Cb', 400],
    ['GET', '/v2/models/a%00b', 400],
    ['GET', '/v2/models/%zz', 400],
    ['GET', `/v2/models/${'m'.repeat(300)}`, 400],
    ['GET', `/v2/models/${'m'.repeat(2000)}`, 414],
    ['POST', '/v2', 405],
    ['DELETE', '/v2/health/live', 405],
    ['GET', '/v2/models/echo/infer', 405],
    ['PUT', '/v2/models/echo/infer', 405],
    ['OPTIONS', '/v2/models/echo/infer', 405],
    ['PROPFIND', '/v2/models/echo', 405],
    ['GET', '/v2/repository/index', 405],
    ['POST', '/v2/models/stats', 405],
    ['GET', '/v2/systemsharedmemory/status', 404],
    ['GET', '/v2/models/echo/slo', 404],
  ])('%s %s is %d', async (method, path, status) => {
    const { server } = await start();
    const answer = await call(server, method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json).toEqual({ error: expect.stringMatching(/./) as string });
  });

  it('name the methods that are allowed', async () => {
    const { server } = await start();
    expect((await call(server, 'PUT', '/v2')).headers.allow).toBe('GET, HEAD');
    expect((await call(server, 'GET', '/v2/models/m/infer')).headers.allow).toBe('POST');
  });

  it.each([
    ['invalid-argument', 400],
    ['not-found', 404],
    ['unsupported', 501],
    ['unavailable', 503],
    ['resource-exhausted', 503],
    ['deadline-exceeded', 504],
    ['internal', 500],
  ])('of the data plane: %s is %d', async (fail, status) => {
    const { server } = await start();
    const body = JSON.stringify({ inputs: [], parameters: { fail } });
    expect(await call(server, 'POST', '/v2/models/echo/infer', body)).toMatchObject({
      status,
      json: { error: `failed on request: ${fail}` },
    });
  });

  it('that nobody foresaw keep their text to themselves', async () => {
    const { server, plane } = await start();
    plane.serverMetadata = () => {
      throw new Error('secret');
    };
    plane.infer = () => {
      throw new TypeError('secret');
    };
    const expected = { status: 500, json: { error: 'internal error' } };
    expect(await call(server, 'GET', '/v2')).toMatchObject(expected);
    expect(await call(server, 'POST', '/v2/models/echo/infer', echoBody(1))).toMatchObject(
      expected,
    );
  });
});

describe('the repository', () => {
  it('lists its models', async () => {
    const { server, plane } = await start();
    for (const base of ['/v2/repository', '/v2/repository/main']) {
      const all = await call(server, 'POST', `${base}/index`);
      expect(all.json).toEqual(plane.repositoryIndex(false));
      const ready = await call(server, 'POST', `${base}/index`, '{"ready":true}');
      expect(ready.json).toEqual(plane.repositoryIndex(true));
    }
    expect((await call(server, 'POST', '/v2/repository/index', '{"ready":1}')).status).toBe(400);
    expect((await call(server, 'POST', '/v2/repository/index', '[1]')).status).toBe(400);
  });

  it('loads and unloads', async () => {
    const { server, plane } = await start();
    const config = '{"a":1}';
    const body = JSON.stringify({ parameters: { config } });
    expect(await call(server, 'POST', '/v2/repository/models/echo/load', body)).toMatchObject({
      status: 200,
      text: '',
    });
    expect(plane.loads).toEqual([{ name: 'echo', options: { config, files: new Map() } }]);
    const unload = '{"parameters":{"unload_dependents":true}}';
    expect((await call(server, 'POST', '/v2/repository/models/echo/unload', unload)).status).toBe(
      200,
    );
    expect(plane.unloads).toEqual(['echo']);
    expect((await call(server, 'POST', '/v2/repository/models/none/load')).status).toBe(404);
  });

  it.each([
    ['{"parameters":{"other":1}}', /must be config and file:PATH/],
    ['{"parameters":{"config":1}}', /config must be a string/],
    ['{"parameters":{"file:../x":"AA=="}}', /inside the model's folder/],
    ['{"parameters":{"file:/etc/x":"AA=="}}', /inside the model's folder/],
    ['{"parameters":{"file:1\\\\..\\\\x":"AA=="}}', /inside the model's folder/],
    ['{"parameters":{"file:1/a":"A!"}}', /must be base64/],
    ['{"parameters":{"file:1/a":1}}', /must be a base64 string/],
  ])('refuses to load with %s', async (body, message) => {
    const { server, plane } = await start();
    const answer = await call(server, 'POST', '/v2/repository/models/echo/load', body);
    expect(answer.status).toBe(400);
    expect((answer.json as { error: string }).error).toMatch(message);
    expect(plane.loads).toEqual([]);
  });
});

describe('the objective', () => {
  it('is read and changed', async () => {
    let slo: Slo = makeSlo(50);
    const admin = {
      getSlo: (model: string): Slo => {
        if (model !== 'echo') throw new DnnScalerError('not-found', 'no such model');
        return slo;
      },
      setSlo: (_: string, wanted: Slo): void => {
        slo = wanted;
      },
    };
    const { server } = await start({ admin });
    const path = '/v2/models/echo/slo';
    const view = { model_name: 'echo', percentile: 0.95, limit_ms: 50 };
    expect((await call(server, 'GET', path)).json).toEqual(view);
    expect((await call(server, 'PUT', path, '{"limit_ms":20}')).json).toEqual({
      ...view,
      limit_ms: 20,
    });
    expect(slo).toEqual({ limitMs: 20, percentile: 0.95 });
    await call(server, 'PUT', path, '{"limit_ms":30,"percentile":0.99}');
    expect(slo).toEqual({ limitMs: 30, percentile: 0.99 });
    for (const body of [
      '',
      '{"limit_ms":"20"}',
      '{"limit_ms":-1}',
      '{"limit_ms":1,"percentile":2}',
    ]) {
      expect((await call(server, 'PUT', path, body)).status).toBe(400);
    }
    expect((await call(server, 'GET', '/v2/models/none/slo')).status).toBe(404);
    const foreign = await call(server, 'PUT', path, '{"limit_ms":9}', {
      origin: 'http://evil.test',
    });
    expect(foreign.status).toBe(403);
    expect(slo.limitMs).toBe(30);
  });
});
