import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The built server, running. */
export interface ServedProcess {
  /** Host and port of HTTP. */
  readonly httpTarget: string;
  readonly grpcTarget: string;
  /** Everything it has printed. */
  log(): string;
  /** Sends SIGTERM and resolves to the exit code. */
  stop(): Promise<number | null>;
}

const startTimeoutMs = 300_000;

/**
 * Runs `dnnscaler serve` on free ports, and waits until it is ready.
 *
 * @param args models and options
 * @throws Error with what it printed when it does not become ready
 */
export async function startServer(root: string, args: readonly string[]): Promise<ServedProcess> {
  const folder = mkdtempSync(path.join(tmpdir(), 'dnnscaler-served-'));
  const logFile = path.join(folder, 'log');
  // A file, as nobody empties a pipe while a synchronous child runs.
  const output = openSync(logFile, 'w');
  const main = path.join(root, 'dist/cli/main.js');
  const ports = ['--port', '0', '--grpc-port', '0', '--log', 'json'];
  const child = spawn(process.execPath, [main, 'serve', ...args, ...ports], {
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let kept = '';
  const log = (): string => (kept === '' ? readFileSync(logFile, 'utf8') : kept);
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    const code = await exited;
    kept = log();
    rmSync(folder, { recursive: true, force: true });
    return code;
  };
  const startMs = performance.now();
  while (performance.now() - startMs < startTimeoutMs && child.exitCode === null) {
    const listening = listeningLine(log());
    if (listening !== undefined && (await isReady(listening.http))) {
      const httpTarget = new URL(listening.http).host;
      return { httpTarget, grpcTarget: listening.grpc, log, stop };
    }
    await sleep(100);
  }
  await stop();
  throw new Error(`the server did not become ready:\n${log()}`);
}

function listeningLine(log: string): { http: string; grpc: string } | undefined {
  const line = log.split('\n').find((text) => text.includes('"listening"'));
  return line === undefined ? undefined : (JSON.parse(line) as { http: string; grpc: string });
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/v2/health/ready`);
  return answer.ok;
}
