import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { call } from './testing/call.ts';
import { echoBody, start } from './testing/start.ts';

describe('who may change something', () => {
  const token = 'a token of some length';
  const load = '/v2/repository/models/echo/load';
  const upload = '{"parameters":{"config":"{}","file:1/model.onnx":"AAEC"}}';
  const bearer = { authorization: `Bearer ${token}` };

  it.each([
    [{ host: 'localhost' }, 200],
    [{ host: 'LOCALHOST:1' }, 200],
    [{ host: '10.1.2.3:80' }, 200],
    [{ host: '[::1]:80' }, 200],
    [{ host: 'inference.example' }, 200],
    [{ host: 'evil.test' }, 403],
    [{ host: 'localhost.evil.test' }, 403],
    [{ origin: 'http://evil.test' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:7777' }, 403],
    [{ host: 'localhost:7777', origin: 'http://localhost:7777' }, 200],
    [{ origin: 'https://console.example' }, 200],
    [{ authorization: 'Bearer wrong' }, 401],
    [{ authorization: `Basic ${token}` }, 401],
    [bearer, 200],
  ])('on a loopback address: %j is %d', async (headers, status) => {
    const { server, plane } = await start({
      managementToken: token,
      allowedHosts: ['inference.example'],
      allowedOrigins: ['https://console.example'],
    });
    expect((await call(server, 'POST', load, '{}', headers)).status).toBe(status);
    const unload = load.replace(/load$/, 'unload');
    expect((await call(server, 'POST', unload, '', headers)).status).toBe(status);
    expect(plane.loads.length + plane.unloads.length).toBe(status === 200 ? 2 : 0);
  });

  it('uploads only with the token', async () => {
    const { server, plane } = await start({ managementToken: token });
    const refused = await call(server, 'POST', load, upload);
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Bearer');
    expect((await call(server, 'POST', load, upload, bearer)).status).toBe(200);
    expect(plane.loads[0]?.options.files.get('1/model.onnx')).toEqual(Buffer.of(0, 1, 2));
    const open = await start();
    expect((await call(open.server, 'POST', load, upload)).status).toBe(403);
    expect(open.plane.loads).toEqual([]);
  });

  it('needs the token when other machines can connect', async () => {
    const exposed = await start({ host: '0.0.0.0', managementToken: token });
    expect((await call(exposed.server, 'POST', load, '{}')).status).toBe(401);
    expect((await call(exposed.server, 'POST', load, '{}', bearer)).status).toBe(200);
    const closed = await start({ host: '0.0.0.0' });
    expect((await call(closed.server, 'POST', load, '{}')).status).toBe(403);
    expect((await call(closed.server, 'POST', '/v2/models/echo/infer', echoBody(1))).status).toBe(
      200,
    );
    const strict = await start({ managementToken: token, alwaysRequireToken: true });
    expect((await call(strict.server, 'POST', load, '{}')).status).toBe(401);
  });

  it('is decided before a byte of the body is read', async () => {
    const { server } = await start();
    const headers = { 'content-length': '100000', origin: 'http://evil.test' };
    const answer = new Promise<number>((resolve) => {
      const request = httpRequest(
        { port: server.port, method: 'POST', path: load, headers, agent: false },
        (response) => {
          resolve(response.statusCode ?? 0);
          request.destroy();
        },
      );
      request.on('error', () => {});
      request.flushHeaders();
    });
    expect(await answer).toBe(403);
  });
});
