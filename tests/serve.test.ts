/** `dnnscaler serve` as a user meets it: the built command, real processes, the documents' own lines. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samplePhotos } from '../examples/photos.ts';
import { cli } from './built-cli.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const guide = readFileSync(new URL('../docs/serving.md', import.meta.url), 'utf8');
const execute = promisify(execFile);

/** Lines of a document's shell examples that start with one of these. */
function shellLines(text: string, ...starts: string[]): string[] {
  return [...text.matchAll(/```sh\n([^]*?)```/g)]
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => starts.some((start) => line.startsWith(start)));
}

interface LogLine {
  readonly msg: string;
  readonly http?: string;
  readonly grpc?: string;
}

class Served {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly lines: LogLine[] = [];
  #waiting: (() => void)[] = [];

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [cli, 'serve', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let rest = '';
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines.map((line) => JSON.parse(line) as LogLine));
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve({ code, signal });
        for (const wake of this.#waiting.splice(0)) wake();
      });
    });
  }

  async line(message: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(({ msg }) => msg === message);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) throw new Error(`ended before it said "${message}"`);
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }
}

const anyPorts = ['--port', '0', '--grpc-port', '0', '--log', 'json'];
const folder = mkdtempSync(join(tmpdir(), 'dnnscaler-serve-'));
let server: Served;
let url: string;

beforeAll(async () => {
  copyFileSync(samplePhotos()[0] as string, join(folder, 'photo.jpg'));
  const [command = ''] = shellLines(readme, 'npx dnnscaler serve');
  const args = command.split(/\s+/).slice(3);
  expect(args).toContain('--slo');
  server = new Served(...args, ...anyPorts, '--calibrate', '1s');
  url = (await server.line('listening')).http as string;
  await server.line('ready');
});

afterAll(async () => {
  server.child.kill('SIGKILL');
  await server.ended;
  rmSync(folder, { recursive: true });
});

describe('dnnscaler serve', () => {
  const commands = shellLines(readme, 'curl ');
  // In their order: some make the files that others send.
  const guideCommands = shellLines(guide, 'curl ', 'node -e ', 'head ');

  it.each([...commands, ...guideCommands])('answers %s', async (command) => {
    const there = command
      .replaceAll('localhost:8000', url)
      .replace(/^curl /, 'curl --silent --show-error --fail-with-body --noproxy "*" ');
    const { stdout } = await execute('sh', ['-c', there], { cwd: folder });
    expect(stdout).not.toContain('"error"');
    if (there.includes('photo.jpg')) expect(stdout).toContain('"shape":[1,1001]');
    if (there.endsWith('/metrics')) expect(stdout).toContain('dnnscaler_requests_total');
    if (there.includes('PUT')) expect(stdout).toContain('80');
    if (there.includes('@request.json')) expect(stdout).toContain('"shape":[1,3]');
  });

  it('has such lines in the README and the guide', () => {
    expect(commands.length).toBeGreaterThanOrEqual(5);
    expect(guideCommands.length).toBeGreaterThanOrEqual(5);
  });

  it('takes load from its own generator, as the README has it', async () => {
    const [command = ''] = shellLines(readme, 'npx dnnscaler load');
    const args = command.replaceAll('http://localhost:8000', url).split(/\s+/).slice(2);
    const shorter = args.map((arg) => (arg === '10s' ? '2s' : arg === '50ms' ? '60s' : arg));
    // The exit status says whether the SLO was held, which a starved generator cannot promise.
    const { stdout } = await execute(process.execPath, [cli, ...shorter, '--json']).catch(
      (error: unknown) => error as { stdout: string },
    );
    const result = JSON.parse(stdout) as { sent: number; answered: number; errors: number };
    expect(result.answered).toBeGreaterThan(0);
    expect(result.errors).toBe(0);
  });

  it('answers what it had accepted when it is told to stop, and leaves with 0', async () => {
    const photo = readFileSync(join(folder, 'photo.jpg'));
    const reached = async (): Promise<number> => {
      const body = await (await fetch(`${url}/metrics`)).text();
      const busy = /rows_in_progress\{[^}]*\} (\d+)/.exec(body)?.[1];
      const answered = /requests_total\{[^}]*answered"\} (\d+)/.exec(body)?.[1];
      return Number(busy) + Number(answered);
    };
    const before = await reached();
    const answers = Array.from({ length: 8 }, () =>
      fetch(`${url}/v2/models/mobilenet_v1_025/infer`, {
        method: 'POST',
        headers: { 'content-type': 'image/jpeg' },
        body: photo,
      }).then((response) => response.status),
    );
    // Accepted at the least: it waits for an instance, or has been answered.
    while ((await reached()) <= before) await sleep(10);
    server.child.kill('SIGTERM');
    const statuses = (await Promise.allSettled(answers)).map((each) =>
      each.status === 'fulfilled' ? each.value : 'refused',
    );
    for (const status of statuses) expect([200, 'refused']).toContain(status);
    expect(statuses).toContain(200);
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await expect(fetch(url)).rejects.toThrow();
  });

  it.each([
    [['no-such-file.onnx', '--slo', '50ms'], /no-such-file/],
    [['zoo:mobilenet_v1_025'], /--slo/],
    [['zoo:mobilenet_v1_025', '--slo', '50ms', '--port', '99999'], /65535/],
    [['zoo:mobilenet_v1_025', '--slo', '50ms', '--tls-cert', 'c.pem'], /together/],
    [['zoo:mobilenet_v1_025', '--slo', '50ms', '--token-file', 'nowhere'], /--token-file.*nowhere/],
    [[folder, '--slo', '50ms'], /NAME\/VERSION/],
  ])('refuses %j with a reason', async (args, reason) => {
    const failed = await execute(process.execPath, [cli, 'serve', ...args]).catch(
      (error: unknown) => error as { code: number; stderr: string },
    );
    expect(failed).toMatchObject({ code: 2, stderr: expect.stringMatching(reason) as string });
    expect(failed.stderr).not.toMatch(/\n\s+at /);
  });

  it('leaves at once, by force, when it is told to stop a second time', async () => {
    const other = new Served(...['zoo:mobilenet_v1_025', '--slo', '50ms'], ...anyPorts);
    const { hostname, port } = new URL((await other.line('listening')).http as string);
    const client = connect(Number(port), hostname);
    client.on('error', () => undefined);
    client.write(
      'POST /v2/models/mobilenet_v1_025/infer HTTP/1.1\r\nHost: localhost\r\n' +
        'Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n',
    );
    // Accepted from then on, and never to be answered: its body does not come.
    expect(String((await once(client, 'data'))[0])).toContain('100 Continue');
    other.child.kill('SIGTERM');
    await other.line('stopping: answering what was accepted');
    other.child.kill('SIGTERM');
    expect(await other.ended).toEqual({ code: null, signal: 'SIGKILL' });
    client.destroy();
  });

  it('says so when its port is taken, and when no model can be loaded', async () => {
    const other = new Served(
      'zoo:mobilenet_v1_025',
      '--slo',
      '50ms',
      ...anyPorts,
      '--calibrate',
      '0s',
    );
    const { port } = new URL((await other.line('listening')).http as string);
    const taken = await execute(process.execPath, [
      ...[cli, 'serve', 'zoo:mobilenet_v1_025', '--slo', '50ms', '--port', port],
    ]).catch((error: unknown) => error as { code: number; stderr: string });
    expect(taken.stderr).toMatch(/EADDRINUSE|in use/);
    other.child.kill('SIGTERM');
    expect(await other.ended).toEqual({ code: 0, signal: null });
    const broken = await execute(process.execPath, [
      ...[cli, 'serve', join(folder, 'photo.jpg'), '--slo', '50ms', ...anyPorts],
    ]).catch((error: unknown) => error as { code: number; stderr: string });
    expect(broken).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no model could be loaded: photo.jpg/) as string,
    });
  });
});
