/** The inference server whole: real models on the real engine, over real sockets. */
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FixtureGraph } from '../src/engines/onnx/testing/fixtures.ts';
import { encodeModel, looping } from '../src/engines/onnx/testing/fixtures.ts';
import type { ModelServer } from '../src/server/model-server.ts';
import { startModelServer } from '../src/server/model-server.ts';
import { FileCatalog, JoinedCatalog } from '../src/serving/models/file-catalog.ts';
import { FolderCatalog } from '../src/serving/models/folder-catalog.ts';
import type { ModelDefaults } from '../src/serving/models/spec.ts';
import { makeSlo } from '../src/slo.ts';

/** `y = x + x` for rows of any length. */
const doubling: FixtureGraph = {
  inputs: [{ name: 'x', type: 'FP32', dims: ['N', 'L'] }],
  outputs: [{ name: 'y', type: 'FP32', dims: ['N', 'L'] }],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
};

/** The same with another answer, to tell versions apart. */
const negating: FixtureGraph = {
  ...doubling,
  nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
};

const echo: FixtureGraph = {
  inputs: [{ name: 'text', type: 'BYTES', dims: ['N', 1] }],
  outputs: [{ name: 'same', type: 'BYTES', dims: ['N', 1] }],
  nodes: [{ op: 'Identity', inputs: ['text'], outputs: ['same'] }],
};

const folder = mkdtempSync(join(tmpdir(), 'dnnscaler-repository-'));

function put(name: string, version: number, graph: FixtureGraph, config?: unknown): void {
  const versionFolder = join(folder, name, String(version));
  mkdirSync(versionFolder, { recursive: true });
  writeFileSync(join(versionFolder, 'model.tmp'), encodeModel(graph));
  if (config !== undefined) {
    writeFileSync(join(folder, name, 'dnnscaler.json'), JSON.stringify(config));
  }
  renameSync(join(versionFolder, 'model.tmp'), join(versionFolder, 'model.onnx'));
}

let server: ModelServer;

beforeAll(async () => {
  put('doubling', 1, doubling, { shapes: { x: [1, 3] }, slo: '25ms', labels: ['p', 'q', 'r'] });
  put('echo', 1, echo);
  put('looping', 1, looping, { scaler: 'fixed:1,1' });
  put('broken', 1, { ...doubling, nodes: [{ op: 'NoSuchThing', inputs: ['x'], outputs: ['y'] }] });
  const defaults: ModelDefaults = {
    slo: makeSlo(50),
    scaler: 'fixed:4,1',
    engine: { isolation: 'thread' },
  };
  const stored = new FolderCatalog(folder, defaults);
  server = await startModelServer({
    catalog: new JoinedCatalog([new FileCatalog([], defaults), stored]),
    watched: [stored],
    watchMs: 100,
    version: '0.0.0',
    http: { port: 0, managementToken: 'a token of the tests' },
    grpc: { port: 0 },
    calibrateMs: 0,
    logger: pino({ level: 'silent' }),
  });
  expect(await server.loaded).toEqual(['broken']);
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly json: {
    readonly error?: string;
    readonly model_version?: string;
    readonly outputs?: readonly {
      readonly shape: readonly number[];
      readonly data: readonly unknown[];
    }[];
  };
}

async function post(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(`${server.httpUrl}/v2/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: 'Bearer a token of the tests' },
    ...(signal && { signal }),
  });
  const text = await response.text();
  // Loading and unloading answer with nothing.
  return { status: response.status, json: JSON.parse(text || '{}') as Answer['json'] };
}

function infer(shape: readonly number[], data: readonly number[], more = {}): Promise<Answer> {
  const inputs = [{ name: 'x', datatype: 'FP32', shape, data }];
  return post('models/doubling/infer', { inputs, ...more });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  // Without an end: the time that a test may take is its bound.
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 25));
}

describe('inference', () => {
  it('splits requests of many rows and joins the answers', async () => {
    const rows = 11;
    const data = Array.from({ length: rows * 3 }, (_, i) => i);
    const { status, json } = await infer([rows, 3], data);
    expect(status).toBe(200);
    expect(json.outputs?.[0]?.shape).toEqual([rows, 3]);
    expect(json.outputs?.[0]?.data).toEqual(data.map((value) => 2 * value));
  });

  it('answers rows of different dimensions at the same time, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => {
        const length = 1 + (i % 5);
        return infer([1, length], new Array<number>(length).fill(i));
      }),
    );
    for (const [i, { status, json }] of answers.entries()) {
      expect(status).toBe(200);
      const length = 1 + (i % 5);
      expect(json.outputs?.[0]).toMatchObject({
        shape: [1, length],
        data: new Array<number>(length).fill(2 * i),
      });
    }
  });

  it('carries text, and gives classes with their labels', async () => {
    const inputs = [{ name: 'text', datatype: 'BYTES', shape: [2, 1], data: ['héllo', ''] }];
    const echoed = await post('models/echo/infer', { inputs });
    expect(echoed.json.outputs?.[0]?.data).toEqual(['héllo', '']);
    const outputs = [{ name: 'y', parameters: { classification: 2 } }];
    const classes = await infer([1, 3], [1, 3, 2], { outputs });
    expect(classes.json.outputs?.[0]?.data).toEqual(['6:1:q', '4:2:r']);
  });

  it('says what is wrong with a request, and goes on', async () => {
    const wrong = await infer([1, 3], [1, 2]);
    expect(wrong).toMatchObject({ status: 400, json: { error: expect.any(String) as string } });
    expect((await post('models/nothing/infer', { inputs: [] })).status).toBe(404);
    expect((await post('models/broken/infer', { inputs: [] })).status).toBe(503);
    expect((await infer([1, 3], [1, 2, 3])).status).toBe(200);
  });

  it('lets a request expire that waited past its timeout, and drops one whose client has gone', async () => {
    // Both must wait while another request runs, however slowly this machine gets round to them.
    let turns = 300_000;
    while (!(await expireAndDropBehind(turns))) turns *= 3;
    expect((await loop(1)).status).toBe(200);
  });
});

/** A request that takes some microseconds for each turn. */
function loop(turns: number, parameters = {}, signal?: AbortSignal): Promise<Answer> {
  const inputs = [
    { name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] },
    { name: 'n', datatype: 'INT64', shape: [1], data: [turns] },
  ];
  return post('models/looping/infer', { parameters, inputs }, signal);
}

/**
 * Lets one request run and two wait behind it, of which one expires and the other's client leaves.
 *
 * @returns false when the first was over before the others were where they should be
 */
async function expireAndDropBehind(turns: number): Promise<boolean> {
  const count = (name: string) => metric(`dnnscaler_${name}{model="looping"}`);
  const cancelled = async () =>
    (await metric('dnnscaler_requests_total{model="looping",outcome="cancelled"}')) || 0;
  const callsBefore = (await count('execution_duration_seconds_count')) || 0;
  const cancelledBefore = await cancelled();
  const first = { isOver: false };
  const busy = loop(turns).finally(() => (first.isOver = true));
  await until(async () => first.isOver || (await count('rows_in_progress')) === 1);
  await until(async () => first.isOver || (await count('queue_rows')) === 0);
  const gone = new AbortController();
  const dropped = loop(turns, {}, gone.signal).catch(() => 'gone');
  const late = loop(1, { timeout: 1000 });
  await until(async () => first.isOver || (await count('queue_rows')) === 2);
  gone.abort();
  await until(async () => first.isOver || (await cancelled()) > cancelledBefore);
  const wasInTime = !first.isOver;
  const answers = await Promise.all([busy, dropped, late]);
  if (!wasInTime) {
    // What nobody waits for any more may still run, and must not be counted the next time.
    await until(async () => (await count('rows_in_progress')) === 0);
    return false;
  }
  expect(answers[0].status).toBe(200);
  expect(answers[1]).toBe('gone');
  expect(answers[2]).toMatchObject({ status: 504 });
  expect(answers[2].json.error).toMatch(/timeout/);
  expect(await count('execution_duration_seconds_count')).toBe(callsBefore + 1);
  return true;
}

/** NaN for one that is not there. */
async function metric(name: string): Promise<number> {
  const body = await (await fetch(`${server.httpUrl}/metrics`)).text();
  const line = body.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

describe('the repository', () => {
  it('shows what is ready and why the rest is not', async () => {
    const response = await fetch(`${server.httpUrl}/v2/repository/index`, { method: 'POST' });
    const index = (await response.json()) as { name: string; state: string; reason: string }[];
    expect(index.map(({ name, state }) => [name, state]).sort()).toEqual([
      ['broken', 'UNAVAILABLE'],
      ['doubling', 'READY'],
      ['echo', 'READY'],
      ['looping', 'READY'],
    ]);
    expect(index.find(({ name }) => name === 'broken')?.reason).toMatch(/NoSuchThing/);
    expect((await fetch(`${server.httpUrl}/v2/health/ready`)).status).toBe(400);
  });

  it('swaps a model when its files change, without losing a request', async () => {
    const seen = new Set((await infer([1, 1], [1])).json.outputs?.[0]?.data);
    put('doubling', 2, negating);
    let failures = 0;
    await until(async () => {
      const answers = await Promise.all([infer([1, 1], [1]), infer([1, 1], [1])]);
      for (const { status, json } of answers) {
        if (status !== 200) failures += 1;
        seen.add(json.outputs?.[0]?.data[0]);
      }
      return answers.every(({ json }) => json.model_version === '2');
    });
    expect(failures).toBe(0);
    expect([...seen].sort()).toEqual([-1, 2]);
  });

  it('follows the configuration, and keeps serving when it is no good', async () => {
    const file = join(folder, 'doubling', 'dnnscaler.json');
    writeFileSync(file, JSON.stringify({ shapes: { x: [1, 2] }, slo: '75ms' }));
    utimesSync(file, new Date(), new Date(Date.now() + 5000));
    await until(async () => {
      const config = await fetch(`${server.httpUrl}/v2/models/doubling/config`);
      const { parameters } = (await config.json()) as {
        parameters: { slo_ms: { string_value: string } };
      };
      return parameters.slo_ms.string_value === '75';
    });
    const refused = await post('repository/models/doubling/load', {
      parameters: { config: '{"slo": "fast"}' },
    });
    expect(refused).toMatchObject({ status: 400 });
    expect(refused.json.error).toMatch(/fast/);
    expect((await infer([1, 1], [1])).status).toBe(200);
  });

  it('loads files that come with the request, and unloads', async () => {
    const upload = Buffer.from(encodeModel(doubling)).toString('base64');
    const parameters = {
      config: JSON.stringify({ shapes: { x: [1, 3] } }),
      'file:7/model.onnx': upload,
    };
    expect(await post('repository/models/doubling/load', { parameters })).toMatchObject({
      status: 200,
    });
    expect((await infer([1, 1], [4])).json).toMatchObject({
      model_version: '7',
      outputs: [{ data: [8] }],
    });
    const escaping = { 'file:../model.onnx': upload };
    expect((await post('repository/models/echo/load', { parameters: escaping })).status).toBe(400);
    expect((await post('repository/models/echo/unload', {})).status).toBe(200);
    const inputs = [{ name: 'text', datatype: 'BYTES', shape: [1, 1], data: ['x'] }];
    expect((await post('models/echo/infer', { inputs })).status).toBe(503);
    expect((await post('repository/models/echo/load', {})).status).toBe(200);
    expect((await post('models/echo/infer', { inputs })).status).toBe(200);
  });

  it('loads files under a name that is new, for as long as they serve', async () => {
    const parameters = {
      config: JSON.stringify({ shapes: { x: [1, 3] } }),
      'file:1/model.onnx': Buffer.from(encodeModel(doubling)).toString('base64'),
    };
    const load = (name: string, body: object) => post(`repository/models/${name}/load`, body);
    const garbage = { 'file:1/model.onnx': Buffer.from('garbage').toString('base64') };
    expect((await load('guest', { parameters: garbage })).status).toBe(400);
    expect((await load('guest', { parameters })).status).toBe(200);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }];
    expect((await post('models/guest/infer', { inputs })).json).toMatchObject({
      model_name: 'guest',
      outputs: [{ data: [2, 4, 6] }],
    });
    expect((await load('.guest', { parameters })).status).toBe(400);
    expect((await post('repository/models/guest/unload', {})).status).toBe(200);
    expect((await load('guest', {})).status).toBe(404);
  });
});

describe('metrics and statistics', () => {
  it('count requests at fault', async () => {
    const rejected = 'dnnscaler_requests_total{model="doubling",outcome="rejected"}';
    const answers = 'dnnscaler_answers_total{protocol="http",code="400"}';
    const before = (await metric(rejected)) || 0;
    const answered = (await metric(answers)) || 0;
    await infer([2, 1], [1, 2]);
    expect((await infer([1, 2, 3, 4], [1])).status).toBe(400);
    const inputs = [{ name: 'x', datatype: 'INT8', shape: [1, 3], data: [1, 2, 3] }];
    expect((await post('models/doubling/infer', { inputs })).status).toBe(400);
    expect(await metric(rejected)).toBeGreaterThan(before);
    expect(await metric(answers)).toBe(answered + 2);
  });

  it('count what was answered', async () => {
    const before = await metric('dnnscaler_requests_total{model="doubling",outcome="answered"}');
    await infer([2, 1], [1, 2]);
    const after = await metric('dnnscaler_requests_total{model="doubling",outcome="answered"}');
    expect(after).toBe(before + 1);
    const response = await fetch(`${server.httpUrl}/v2/models/doubling/stats`);
    const { model_stats } = (await response.json()) as {
      model_stats: { inference_stats: Record<string, { count: number; ns: number }> }[];
    };
    const stats = model_stats[0]?.inference_stats;
    for (const part of ['success', 'queue', 'compute_input', 'compute_infer', 'compute_output']) {
      expect(stats?.[part]?.count).toBeGreaterThan(0);
    }
  });
});
