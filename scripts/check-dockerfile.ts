/**
 * Checks the Dockerfile without Docker: runs its steps in folders that stand for its stages, then
 * its entry point as a plain user, and asks that for what a container is for. Another Dockerfile may
 * be named.
 *
 * Not the same as a build: base images count as empty, so what they bring (Debian's libraries, the
 * user `node`) is this machine's.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { samplePhotos } from '../examples/photos.ts';
import { checkGrpcOptions } from '../src/server/grpc/options.ts';
import { checkHttpOptions } from '../src/server/http/options.ts';
import { CheckList, expect } from './check-list.ts';
import { buildImage, inside } from './docker/build.ts';
import type { Image } from './docker/build.ts';
import { changesUser, Container } from './docker/container.ts';
import type { Running } from './docker/container.ts';
import { ignoring } from './docker/ignore.ts';
import { parseDockerfile } from './docker/parse.ts';
import type { Stage } from './docker/parse.ts';
import { faultsOf } from './docker/rules.ts';
import { nodeBinary } from './node-binaries.ts';

const context = path.join(import.meta.dirname, '..');
const file = process.argv[2] ?? path.join(context, 'Dockerfile');
const startLimitMs = 300_000;

const checks = new CheckList('dockerfile');
const scratch = mkdtempSync(path.join(tmpdir(), 'dnnscaler-docker-'));
// Readable for the plain user that the server will run as.
chmodSync(scratch, 0o755);
const running: Running[] = [];
try {
  await checkAll();
} finally {
  for (const each of running) each.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = checks.close();

async function checkAll(): Promise<void> {
  const daemon = spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 10_000 });
  console.log(
    daemon.status === 0
      ? 'a Docker daemon is here: "docker build ." tries the base images, too'
      : 'no Docker daemon here: only the steps are tried',
  );
  let stages: readonly Stage[] = [];
  const ports = { http: checkHttpOptions({}).port, grpc: checkGrpcOptions({}).port };
  const isSound = checks.check('the Dockerfile keeps the rules', () => {
    stages = parseDockerfile(readFileSync(file, 'utf8'));
    const faults = faultsOf(stages, ports, [20, 22, 24]);
    expect(faults.length === 0, faults.join('\n'));
  });
  checks.check('the build sees no secrets, history or leftovers', () => {
    const isIgnored = ignoring(readFileSync(path.join(context, '.dockerignore'), 'utf8'));
    const unwanted = ['.env', '.git/config', 'node_modules/a/index.js', 'dist/index.js', 'key.pem'];
    const seen = unwanted.filter((name) => !isIgnored(name));
    expect(seen.length === 0, `.dockerignore lets in ${seen.join(', ')}`);
  });
  if (!isSound) return;
  const node = nodeOf(stages);
  let image: Image | undefined;
  checks.check(`its ${stages.length} stages build`, () => {
    image = buildImage(stages, { context, scratch, node });
  });
  if (image === undefined) return;
  checkContents(image);
  await checkServer(image, node);
}

/** The Node.js of the last base image, where all users can run it. */
function nodeOf(stages: readonly Stage[]): string {
  const major = Number(/^node:(\d+)/.exec(stages.at(-1)?.base ?? '')?.[1]);
  const binary = nodeBinary(major);
  if (!binary.found)
    console.log(`with ${process.version} in place of Node ${major}: ${binary.why}`);
  const copy = path.join(scratch, 'node');
  copyFileSync(binary.found ? binary.file : process.execPath, copy);
  return copy;
}

function checkContents(image: Image): void {
  checks.check('the image holds what runs, and nothing else', () => {
    const lock = JSON.parse(readFileSync(path.join(context, 'package-lock.json'), 'utf8')) as {
      packages: Readonly<Record<string, { dev?: boolean }>>;
    };
    const development = Object.entries(lock.packages).filter(([, { dev }]) => dev === true);
    const gpu = 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers';
    const unwanted = [
      ...development.map(([name]) => name),
      ...['src', 'tests', 'scripts', '.git', `${gpu}_cuda.so`, `${gpu}_tensorrt.so`],
    ].filter((name) => existsSync(inside(image, name)));
    expect(unwanted.length === 0, `it holds ${unwanted.join(', ')}`);
  });
}

async function checkServer(image: Image, node: string): Promise<void> {
  const who = changesUser ? 'a plain user' : 'the present user, as only root can be another';
  console.log(`started as ${who}`);
  const container = new Container(image, node, scratch);
  const entrypoint = image.entrypoint ?? [];
  await check('prints its help when told nothing', async () => {
    const code = await container.run([...entrypoint, ...(image.command ?? [])]);
    expect(code === 0, `exit code ${code}`);
  });
  const args = [
    'zoo:mobilenet_v1_025',
    '--slo',
    '5s',
    '--scaler',
    'fixed:1,1',
    '--calibrate',
    '0s',
  ];
  const server = container.start([...entrypoint, ...args, '--port', '0', '--grpc-port', '0']);
  running.push(server);
  let url = '';
  const isReady = await check('starts, listens on every address and becomes ready', async () => {
    const line = await server.line('"listening"', startLimitMs);
    const { http } = JSON.parse(line) as { http: string };
    expect(new URL(http).hostname === '0.0.0.0', `it listens at ${http}`);
    url = http.replace('0.0.0.0', '127.0.0.1');
    await server.line('"ready"', startLimitMs);
    const ready = await fetch(`${url}/v2/health/ready`);
    expect(ready.status === 200, `readiness is ${ready.status}`);
  });
  if (!isReady) return;
  const probe = (): Promise<number | null> => {
    const healthUrl = new URL(image.environment.HEALTH_URL ?? '');
    healthUrl.port = new URL(url).port;
    return container.run(image.healthcheck ?? [], { HEALTH_URL: healthUrl.href });
  };
  await check('classifies a photograph', async () => {
    const answer = await fetch(`${url}/v2/models/mobilenet_v1_025/infer`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: readFileSync(samplePhotos()[0] as string),
    });
    const body = await answer.text();
    expect(answer.status === 200 && body.includes('"shape":[1,1001]'), body.slice(0, 500));
  });
  await check('lets nobody manage models without a token', async () => {
    const path = `${url}/v2/repository/models/mobilenet_v1_025/unload`;
    const { status } = await fetch(path, { method: 'POST' });
    expect(status === 403, `unload answers ${status}`);
  });
  await check('HEALTHCHECK finds it well', async () => {
    const code = await probe();
    expect(code === 0, `exit code ${code}`);
  });
  if (changesUser) {
    await check('cannot change its own files', async () => {
      const write = "require('node:fs').accessSync('.', require('node:fs').constants.W_OK)";
      const code = await container.run(['node', '-e', write]);
      expect(code !== 0, 'its folder can be written to');
    });
  }
  await check('leaves with 0 at SIGTERM', async () => {
    server.kill('SIGTERM');
    const { code, signal } = await server.ended;
    expect(code === 0, `exit code ${code}, signal ${signal}\n${server.log}`);
  });
  await check('HEALTHCHECK finds it gone', async () => {
    const code = await probe();
    expect(code === 1, `exit code ${code}`);
  });
}

/** For what has to be waited for. */
async function check(what: string, body: () => Promise<void>): Promise<boolean> {
  const failure = await body().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  return checks.check(what, () => {
    if (failure !== undefined) throw failure;
  });
}
