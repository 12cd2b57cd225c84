/**
 * Packs the project for a bare machine, unpacks it in an empty folder with nothing but sh, tar, gzip
 * and a few tools on the path, and uses it there.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CheckList, expect } from './check-list.ts';
import { npm, run } from './npm.ts';
import type { Ran } from './npm.ts';
import { packFolder, writeUnpacker } from './portable/archives.ts';

const root = path.join(import.meta.dirname, '..');
const unpacker = path.join(root, 'scripts/portable/unpack.sh');
const limitBytes = 60e6;
const network = 'zoo:mobilenet_v1_025';
const tools = ['sh', 'tar', 'gzip', 'sha256sum', 'cut', 'sed', 'cat', 'rm', 'mkdir', 'dirname'];

const checks = new CheckList('portable');
const scratch = mkdtempSync(path.join(tmpdir(), 'dnnscaler-test-portable-'));
try {
  if (process.platform === 'linux' && process.arch === 'x64') test();
  else checks.skip('everything', 'packs are made and used on Linux x64 only');
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = checks.close();

function test(): void {
  const bin = path.join(scratch, 'bin');
  mkdirSync(bin);
  for (const tool of tools)
    symlinkSync(run('which', [tool], { cwd: scratch }).stdout.trim(), path.join(bin, tool));
  checks.check('files too large for one archive arrive whole, in any order, or not at all', () =>
    testSplitting(bin),
  );
  const archives = path.join(scratch, 'archives');
  const packed = checks.check('pack:portable', () => {
    const ran = npm(['run', '--silent', 'pack:portable', '--', '--out', archives], root);
    expect(ran.status === 0, ran.output);
    console.log(ran.output.replace(/^/gm, '      '));
    for (const name of readdirSync(archives)) {
      const { size } = statSync(path.join(archives, name));
      expect(size <= limitBytes, `${name} has ${size} bytes`);
    }
  });
  if (!packed) return;
  const machine = path.join(scratch, 'machine');
  mkdirSync(machine);
  const env = { PATH: bin, HOME: machine };
  const bare = (command: string, args: readonly string[], statuses = [0]): Ran => {
    const ran = run(command, args, { cwd: machine, env });
    expect(
      ran.status !== null && statuses.includes(ran.status),
      `exit code ${ran.status}\n${ran.output}`,
    );
    return ran;
  };
  const unpacked = checks.check('sh unpack.sh, with no Node.js on the path', () => {
    const { output } = bare('/bin/sh', [path.join(archives, 'unpack.sh')]);
    expect(output.includes('complete: dnnscaler/bin/dnnscaler'), output);
    rmSync(archives, { recursive: true });
  });
  if (!unpacked) return;
  const dnnscaler = path.join(machine, 'dnnscaler/bin/dnnscaler');
  checks.check('dnnscaler doctor', () => {
    const report = JSON.parse(bare(dnnscaler, ['doctor', '--json']).stdout) as {
      providers: { name: string; works: boolean }[];
      images: { works: boolean; detail: string };
    };
    expect(
      report.providers.some(({ name, works }) => name === 'cpu' && works),
      JSON.stringify(report),
    );
    expect(report.images.works, report.images.detail);
  });
  checks.check('the benchmark for GPUs starts', () => {
    const bench = path.join(machine, 'dnnscaler/app/bench/gpu.mjs');
    const { output } = bare(path.join(machine, 'dnnscaler/node/bin/node'), [bench, '--help']);
    expect(output.includes('--provider'), output);
  });
  checks.check('dnnscaler run', () => {
    // Whether a busy machine holds the SLO, or gets through profiling in time, is not at stake.
    const args = ['run', network, '--slo', '200ms', '--duration', '5s', '--json'];
    const { stdout } = bare(dnnscaler, args, [0, 1, 3]);
    const { verdict = '' } = JSON.parse(stdout) as { verdict?: string };
    expect(['held', 'not-held', 'infeasible', 'undecided'].includes(verdict), stdout);
  });
}

/** Packs made-up files into archives of a few kilobytes, and unpacks them as they trickle in. */
function testSplitting(bin: string): void {
  const folder = path.join(scratch, 'split/thing');
  const target = path.join(scratch, 'split/archives');
  mkdirSync(path.join(folder, 'bin'), { recursive: true });
  const content = noise(500_000);
  writeFileSync(path.join(folder, 'bin/large.so'), content);
  writeFileSync(path.join(folder, 'bin/small.txt'), 'small');
  const limit = 150_000;
  const packed = packFolder({ folder, target, prefix: 'thing', limitBytes: limit });
  writeUnpacker(target, packed, { script: unpacker, folderName: 'thing' });
  const archives = packed.archives.map(({ name }) => name);
  expect(archives.length >= 4, `packed into ${archives.join(', ')}`);
  for (const { name, bytes } of packed.archives) expect(bytes <= limit, `${name}: ${bytes}`);

  const arrived = path.join(scratch, 'split/arrived');
  mkdirSync(arrived);
  const carry = (name: string): void => cpSync(path.join(target, name), path.join(arrived, name));
  const unpack = (): Ran => run('/bin/sh', ['unpack.sh'], { cwd: arrived, env: { PATH: bin } });
  carry('MANIFEST');
  carry('unpack.sh');
  for (const name of archives.toReversed()) {
    carry(name);
    const { status, output } = unpack();
    expect(status === 0, output);
    expect(output.includes(name === archives[0] ? 'complete: ' : 'still to come: '), output);
    // One after the other on a machine with little room.
    rmSync(path.join(arrived, name));
  }
  const joined = readFileSync(path.join(arrived, 'thing/bin/large.so'));
  expect(joined.equals(content), 'the file that was split has changed');
  expect(readdirSync(path.join(arrived, 'thing/bin')).length === 2, 'pieces are left');

  rmSync(path.join(arrived, 'thing'), { recursive: true });
  writeFileSync(path.join(arrived, archives[0] as string), noise(1000));
  const damaged = unpack();
  expect(damaged.status === 1 && damaged.output.includes('is damaged'), damaged.output);
}

/** Bytes that do not compress, the same each time. */
function noise(length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 32 < length; i += 1)
    blocks.push(createHash('sha256').update(`${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}
