/**
 * Packs this package, installs it into an empty folder under each supported Node.js and uses it
 * there as a stranger would: the command, the library, and its types.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CheckList, expect } from './check-list.ts';
import { nodeBinary } from './node-binaries.ts';
import { cleanEnvironment, npm, run } from './npm.ts';
import type { Ran } from './npm.ts';
import { expectRunResult } from './run-result-check.ts';

const majors = [20, 22, 24];
const network = 'mobilenet_v1_025';
const root = path.join(import.meta.dirname, '..');
const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
};

const checks = new CheckList('package');
const scratch = mkdtempSync(path.join(tmpdir(), 'dnnscaler-package-'));
try {
  const tarball = pack(scratch);
  for (const major of majors) testUnder(major, tarball);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = checks.close();

/** Returns the file that `npm pack` made. */
function pack(folder: string): string {
  const packed = npm(['pack', '--json', '--pack-destination', folder], root);
  expect(packed.status === 0, `npm pack failed:\n${packed.output}`);
  const [report] = JSON.parse(packed.stdout) as { filename: string; size: number }[];
  expect(report !== undefined, `npm pack made nothing:\n${packed.output}`);
  console.log(`${report.filename}: ${(report.size / 1024).toFixed(0)} KiB`);
  return path.join(folder, report.filename);
}

function testUnder(major: number, tarball: string): void {
  const binary = nodeBinary(major);
  if (!binary.found) {
    checks.skip(`Node ${major}`, binary.why);
    return;
  }
  const node = binary.file;
  const folder = path.join(scratch, `node-${major}`);
  mkdirSync(folder);
  const check = (what: string, body: () => void): boolean =>
    checks.check(`Node ${binary.version}: ${what}`, body);

  const installed = check('npm install into an empty folder', () => {
    // Without --prefix, npm would install into the nearest folder above that has a node_modules.
    const result = npm(['install', '--prefix', folder, tarball], folder, node);
    expect(result.status === 0, result.output);
  });
  if (!installed) return;

  const dnnscaler = (args: readonly string[], exitCodes = [0]): Ran => {
    const command = path.join(folder, 'node_modules/.bin/dnnscaler');
    const ran = run(command, args, { cwd: folder, env: cleanEnvironment(node) });
    const { status, output } = ran;
    expect(status !== null && exitCodes.includes(status), `exit code ${status}\n${output}`);
    return ran;
  };
  check('dnnscaler --version', () => {
    const { stdout } = dnnscaler(['--version']);
    expect(stdout.trim() === version, `printed ${stdout}, expected ${version}`);
  });
  check('dnnscaler --help', () => {
    const { stdout } = dnnscaler(['--help']);
    for (const command of ['run', 'serve', 'load', 'profile', 'compare', 'zoo']) {
      expect(new RegExp(`^ +${command}\\b`, 'm').test(stdout), `no "${command}" in\n${stdout}`);
    }
  });
  check('dnnscaler zoo list', () => {
    const { stdout } = dnnscaler(['zoo', 'list']);
    expect(stdout.includes(network), `no ${network} in\n${stdout}`);
  });
  const model = path.join(folder, 'models', `${network}.onnx`);
  check(`dnnscaler zoo build ${network}`, () => {
    dnnscaler(['zoo', 'build', network, '--out', path.dirname(model)]);
    // 0.47 million parameters of four bytes each.
    const { size } = statSync(model);
    expect(size > 1.8e6 && size < 2.2e6, `${model} has ${size} bytes`);
  });
  check('dnnscaler run --json', () => {
    // Whether a busy machine held the SLO is not at stake here; that the outcome is told right is.
    const runFor = (duration: string): { held: boolean; result: { approach: unknown } } => {
      const options = ['--slo', '50ms', '--scaler', 'dnnscaler', '--duration', duration];
      const args = ['run', model, ...options, '--json'];
      const { status, stdout } = dnnscaler(args, [0, 1, 3]);
      return { held: status === 0, result: JSON.parse(stdout) as { approach: unknown } };
    };
    // On a machine that gives this process a tenth of a core, profiling alone takes that long.
    let ran = runFor('10s');
    if (ran.result.approach === null) ran = runFor('90s');
    expectRunResult(ran.result, { sloLimitMs: 50, held: ran.held });
  });
  check('dnnscaler serve', () => {
    writeFileSync(path.join(folder, 'serve.mjs'), serveUse());
    const ran = run(node, ['serve.mjs', model], { cwd: folder });
    expect(ran.status === 0, ran.output);
  });
  check('the library, imported by name', () => {
    writeFileSync(path.join(folder, 'library.mjs'), libraryUse());
    const ran = run(node, ['library.mjs'], { cwd: folder });
    expect(ran.status === 0, ran.output);
  });
  check('the types of the library', () => {
    writeFileSync(path.join(folder, 'types.mts'), typesUse());
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const options = '--noEmit --strict --skipLibCheck --module nodenext --target es2023';
    const ran = run(node, [tsc, ...options.split(' '), 'types.mts'], { cwd: folder });
    expect(ran.status === 0, ran.output);
  });
}

/** A program that serves a model, asks both protocols' ports, and stops the server. */
function serveUse(): string {
  return `
    import { spawn } from 'node:child_process';
    import { connect } from 'node:net';

    const args = ['serve', process.argv[2], '--slo', '5s', '--scaler', 'fixed:1,1', '--calibrate', '0s'];
    const server = spawn(
      process.execPath,
      ['node_modules/${name}/dist/cli/main.js', ...args, '--port', '0', '--grpc-port', '0', '--log', 'json'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = new Promise((resolve) => server.on('close', resolve));
    let log = '';
    for await (const text of server.stdout.setEncoding('utf8')) {
      log += text;
      if (log.includes('"msg":"ready"')) break;
    }
    const { http, grpc } = log.split('\\n').filter(Boolean).map((line) => JSON.parse(line)).find(({ http }) => http);
    const response = await fetch(http + '/v2/models/${network}/infer', {
      method: 'POST',
      body: JSON.stringify({
        inputs: [{ name: 'input', datatype: 'UINT8', shape: [1, 128, 128, 3], data: new Array(49152).fill(7) }],
      }),
    });
    if (response.status !== 200) throw new Error(await response.text());
    await new Promise((resolve, reject) => {
      connect(Number(grpc.split(':').at(-1)), '127.0.0.1', resolve).on('error', reject).unref();
    });
    server.kill('SIGTERM');
    process.exitCode = await ended;
  `;
}

/** A program that imports every entry point and asks a scaler for its first point. */
function libraryUse(): string {
  return `
    import { readFileSync } from 'node:fs';
    import { strictEqual, notStrictEqual } from 'node:assert';
    import { createScaler } from '${name}/scaling';

    const { exports } = JSON.parse(readFileSync('node_modules/${name}/package.json', 'utf8'));
    for (const entry of Object.keys(exports).filter((entry) => !entry.endsWith('.json'))) {
      const specifier = '${name}' + entry.slice(1);
      notStrictEqual(Object.keys(await import(specifier)).length, 0, specifier + ' exports nothing');
    }
    const limits = { minBatchSize: 1, maxBatchSize: 128, maxInstances: 10 };
    const { batchSize, instances } = createScaler('fixed:8,2', { limits }).first();
    strictEqual(batchSize, 8);
    strictEqual(instances, 2);
  `;
}

/** A file that compiles only if the types are found, and are not \`any\`. */
function typesUse(): string {
  return `
    import type { Engine } from '${name}/engines';
    import type { Scaler } from '${name}/scaling';

    export const approach = (scaler: Scaler): string | null => scaler.approach;
    export const free = (engine: Engine): number => engine.freeInstances;
    // @ts-expect-error a scaler is no number
    export const scaler: Scaler = 5;
    // @ts-expect-error an engine is no number
    export const engine: Engine = 5;
  `;
}
