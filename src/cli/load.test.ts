import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LoadResult } from '../experiments/load/load-result.ts';
import type { FakeServerOptions } from '../oip/client/testing/fake-server.ts';
import { FakeServer, fail, goodAnswer } from '../oip/client/testing/fake-server.ts';
import { loadCommand } from './load.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-load-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const servers: FakeServer[] = [];
afterEach(async () => {
  process.exitCode = undefined;
  for (const server of servers.splice(0)) await server.close();
});

async function serve(options: FakeServerOptions = {}): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  servers.push(server);
  return server;
}

type Report = LoadResult & { readonly model: string };

/** Runs the command in this process; gives its standard output and exit status. */
async function runLoad(...args: string[]) {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await loadCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .parseAsync(args, { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return { out, exitCode: process.exitCode ?? 0 };
}

/** A load of 400 ms on model `m`, as JSON. */
async function loadOn(server: FakeServer, ...args: string[]) {
  const { out, exitCode } = await runLoad(
    ...[server.url, '--model', 'm', '--slo', '30s', '--duration', '400ms', '--json', '--quiet'],
    ...args,
  );
  return { report: JSON.parse(out) as Report, exitCode };
}

describe('dnnscaler load', () => {
  it('prints what became of an open load, and exits with 0 when the SLO was held', async () => {
    const server = await serve();
    const { report, exitCode } = await loadOn(server, '--rate', '50', '--arrivals', 'uniform');
    expect(report).toMatchObject({ model: 'm', shed: 0, errors: 0, errorsByReason: {} });
    expect(report.durationMs).toBe(400);
    // On a starved machine some may leave too late to be sent, which is held against the SLO.
    expect(report.sent + report.unsent).toBe(20);
    expect(report.verdict).toBe(report.sent >= 0.95 * 20 ? 'held' : 'not-held');
    expect(report.answered).toBe(report.sent);
    expect(report.goodputPerS).toBe(report.answered / 0.4);
    expect(report.latencyMs.p50).toBeGreaterThan(0);
    expect(report.latencyMs.p99).toBeGreaterThanOrEqual(report.latencyMs.p95);
    expect(server.received).toBe(report.sent);
    expect(exitCode).toBe(report.verdict === 'held' ? 0 : 1);
  });

  it('shows a stall of the server to all who came during it', async () => {
    let stalledUntil: number | undefined;
    const server = await serve({
      infer: ({ index }, response) => {
        const nowMs = performance.now();
        if (index === 10) stalledUntil = nowMs + 800;
        const delayMs = Math.max(0, (stalledUntil ?? nowMs) - nowMs);
        setTimeout(() => response.end(goodAnswer), delayMs);
      },
    });
    const { report, exitCode } = await loadOn(
      server,
      ...['--rate', '100', '--arrivals', 'uniform', '--duration', '900ms', '--slo', '300ms'],
    );
    // 50 of the 90 requests came in the first 500 ms of the stall; a closed loop would show one.
    expect(report.answered + report.unsent).toBe(90);
    expect(report.latencyMs.p99).toBeGreaterThan(750);
    expect(report.sloAttainment).toBeLessThan(0.5);
    expect(exitCode).toBe(1);
  });

  it('keeps as many requests under way as asked for in a closed loop', async () => {
    let underWay = 0;
    let most = 0;
    const server = await serve({
      infer: (_request, response) => {
        underWay += 1;
        most = Math.max(most, underWay);
        setTimeout(() => {
          underWay -= 1;
          response.end(goodAnswer);
        }, 10);
      },
    });
    const { report } = await loadOn(server, '--concurrency', '3');
    expect(most).toBe(3);
    expect(report.answered).toBeGreaterThanOrEqual(3);
    expect(report.lagMs.max).toBeNull();
  });

  it('replays a trace to its end', async () => {
    const file = join(folder, 'trace.csv');
    writeFileSync(file, 'time_s\n0\n0.05\n0.05\n0.3\n');
    const { out } = await runLoad(
      ...[(await serve()).url, '--model', 'm', '--slo', '2s', '--json', '--quiet'],
      ...['--arrivals', `trace:${file}`],
    );
    const report = JSON.parse(out) as Report;
    expect(report.durationMs).toBe(300);
    expect(report.answered + report.unsent).toBe(4);
  });

  it.each<[string, number, 'shed' | 'errors', string[]]>([
    ['sheds', 503, 'shed', []],
    ['sheds', 429, 'shed', []],
    ['fails', 500, 'errors', ['HTTP 500']],
  ])('counts the answers of a server that %s with %d', async (_what, status, counted, reasons) => {
    const server = await serve({
      infer: (_request, response) => {
        fail(response, status, 'queue full');
      },
    });
    const { report, exitCode } = await loadOn(server, '--rate', '50', '--arrivals', 'uniform');
    expect(report).toMatchObject({ answered: 0, goodputPerS: 0, verdict: 'not-held' });
    expect(report.sent).toBeGreaterThan(3);
    expect(report[counted]).toBe(report.sent);
    expect(Object.keys(report.errorsByReason)).toEqual(reasons);
    expect(report.notes.join()).toContain('queue full');
    expect(exitCode).toBe(1);
  });

  it.each<[string, FakeServerOptions['infer'], string]>([
    ['answers nonsense', (_request, response) => response.end('<html>'), 'invalid answer'],
    ['closes the connection', (_request, response) => response.destroy(), 'connection closed'],
    ['never answers', () => undefined, 'timed out'],
    [
      'stops half-way',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"outputs":', () => response.destroy());
      },
      'connection closed',
    ],
  ])('counts what a server that %s does to requests', async (_what, infer, reason) => {
    const patience = reason === 'timed out' ? '200ms' : '30s';
    const server = await serve({ infer: infer! });
    const { report, exitCode } = await loadOn(
      server,
      ...['--rate', '50', '--arrivals', 'uniform', '--timeout', patience],
    );
    expect(report.sent).toBeGreaterThan(3);
    expect(report.errorsByReason).toEqual({ [reason]: report.sent });
    expect(exitCode).toBe(1);
  });

  it('ends early when the server refuses what it is sent', async () => {
    const server = await serve({
      infer: (_request, response) => {
        fail(response, 400, 'unexpected shape');
      },
    });
    await expect(loadOn(server, '--rate', '500', '--duration', '10m')).rejects.toThrow(
      'the requests are refused: the server answered 400 with: unexpected shape',
    );
  });

  it('sends rows, types, encoding and headers as asked for', async () => {
    const bodies: string[] = [];
    const types = new Set<unknown>();
    const server = await serve({
      inputs: [{ name: 'ids', datatype: 'INT64', shape: [-1, -1] }],
      infer: ({ body, headers }, response) => {
        bodies.push(body.toString());
        types.add(headers['content-type']).add(headers['x-team']);
        response.end(goodAnswer);
      },
    });
    await loadOn(
      server,
      ...['--rate', '10', '--batch-size', '2', '--shape', 'ids=1,3', '--json-tensors'],
      ...['--header', 'X-Team: a'],
    );
    expect(types).toEqual(new Set(['application/json', 'a']));
    const { inputs } = JSON.parse(bodies[0]!) as { inputs: { shape: number[]; data: number[] }[] };
    expect(inputs[0]?.shape).toEqual([2, 3]);
    expect(inputs[0]?.data.every((value) => value === 0 || value === 1)).toBe(true);
  });

  it('writes a time series and a report that needs no network', async () => {
    const [csv, report] = [join(folder, 'load.csv'), join(folder, 'load.html')];
    const server = await serve();
    const { out } = await runLoad(
      ...[server.url, '--model', 'm', '--slo', '30s', '--duration', '400ms', '--rate', '50'],
      ...['--quiet', '--csv', csv, '--report', report],
    );
    expect(out).toMatch(/SLO +p95 <= 30.0 s: held/);
    const [header, ...lines] = readFileSync(csv, 'utf8').trim().split('\n');
    expect(header).toMatch(/^time_ms,duration_ms,is_warm_up,sent,answered/);
    const sent = lines.map((line) => Number(line.split(',')[3])).reduce((a, b) => a + b, 0);
    expect(sent).toBe(server.received);
    const page = readFileSync(report, 'utf8');
    expect(page.match(/<svg /g)).toHaveLength(4);
    const outside = /(src|href)="(?!data:)|url\((?!#)|@import|<script/.exec(page);
    expect(outside).toBeNull();
  });

  it.each([
    [[], /the load must be given by --rate/],
    [['--rate', '5', '--concurrency', '2'], /--concurrency .* and --rate .* cannot go together/],
    [['--rate', '0'], /requests per second over 0/],
    [['--rate', '5', '--arrivals', 'bursts'], /must be poisson, uniform or trace:FILE/],
    [['--rate', '5', '--arrivals', 'trace:x.csv'], /--rate is not for a trace/],
    [['--arrivals', 'trace:/nowhere.csv'], /trace file cannot be read: ENOENT/],
    [['--rate', '5', '--header', 'oops'], /must be NAME:VALUE/],
    [['--rate', '5', '--shape', 'y=1'], /must name an input of the model/],
  ])('refuses %j', async (args, message) => {
    await expect(loadOn(await serve(), ...args)).rejects.toThrow(message);
  });

  it('tells a server that is away from one without the model', async () => {
    const server = await serve();
    await expect(
      runLoad(server.url, '--model', 'other', '--slo', '1s', '--rate', '5'),
    ).rejects.toMatchObject({ code: 'not-found' });
    await server.close();
    await expect(loadOn(server, '--rate', '5')).rejects.toThrow(
      /the connection was refused; is the server running\?/,
    );
  });

  it('ends cleanly on Ctrl-C, with what it has', async () => {
    const server = await serve();
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      [
        ...['--import', 'tsx', main, 'load', server.url, '--model', 'm', '--slo', '30s'],
        ...['--rate', '50', '--duration', '10m', '--json', '--quiet'],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await vi.waitUntil(() => server.received >= 30, { timeout: 150_000 });
    child.kill('SIGINT');
    const code = await ended;
    const report = JSON.parse(out) as Report;
    expect(code).toBe(report.verdict === 'held' ? 0 : 1);
    expect(report.answered).toBeGreaterThanOrEqual(30);
    expect(report.durationMs).toBeLessThan(600_000);
  });
});
