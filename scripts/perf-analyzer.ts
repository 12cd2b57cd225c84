import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { run } from './npm.ts';

/** How NVIDIA's perf_analyzer is started here, or why it is not. */
export type PerfAnalyzer =
  { readonly command: string; readonly args: readonly string[] } | { readonly reason: string };

const wheelPlatform = 'manylinux_2_38_x86_64';
const debian = 'https://deb.debian.org/debian';
const suite = 'trixie';
/** What the program links to, by the names of Debian's packages. */
const libraries = ['libc6', 'libgcc-s1', 'libstdc++6', 'libssl3t64', 'zlib1g', 'libzstd1'];

/**
 * Fetches perf_analyzer from PyPI into a folder, once. Its wheel is for glibc 2.38 and later, and
 * where pip finds this machine too old it installs an empty package of the same name; so the wheel is
 * named outright, and on an older machine run with the C library of a newer Debian, unpacked beside it.
 */
export async function preparePerfAnalyzer(folder: string, python: string): Promise<PerfAnalyzer> {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64') {
    return { reason: `PyPI has it for linux x64, and this is ${platform} ${arch}` };
  }
  const binary = path.join(folder, 'perf_analyzer/bin/perf_analyzer');
  if (!existsSync(binary)) {
    const failure = fetchWheel(folder, python);
    if (failure !== undefined) return { reason: failure };
    chmodSync(binary, 0o755);
  }
  const answer = run(binary, ['--version'], { cwd: folder });
  if (answer.status === 0) return { command: binary, args: [] };
  const said = `it does not start here:\n${answer.output}`;
  try {
    const root = await fetchLibraries(path.join(folder, suite));
    const library = path.join(root, 'usr/lib/x86_64-linux-gnu');
    const args = ['--library-path', library, binary];
    const command = path.join(library, 'ld-linux-x86-64.so.2');
    const second = run(command, [...args, '--version'], { cwd: folder });
    if (second.status === 0) return { command, args };
    return { reason: `${said}\nnor with the C library of Debian ${suite}:\n${second.output}` };
  } catch (error) {
    return { reason: `${said}\nand a newer C library cannot be had: ${String(error)}` };
  }
}

function fetchWheel(folder: string, python: string): string | undefined {
  mkdirSync(folder, { recursive: true });
  const args = ['-m', 'pip', 'download', 'perf-analyzer', '--no-deps', '-q', '-d', folder];
  const only = ['--only-binary=:all:', '--platform', wheelPlatform];
  const got = run(python, [...args, ...only], { cwd: folder, timeoutMs: 600_000 });
  const wheel = readdirSync(folder).find((name) => name.includes(wheelPlatform));
  if (got.status !== 0 || wheel === undefined) {
    return `PyPI has no wheel of it for ${wheelPlatform}:\n${got.output}`;
  }
  const unpacked = run(python, ['-m', 'zipfile', '-e', wheel, '.'], { cwd: folder });
  return unpacked.status === 0 ? undefined : `its wheel cannot be unpacked:\n${unpacked.output}`;
}

async function fetchLibraries(root: string): Promise<string> {
  if (existsSync(path.join(root, 'complete'))) return root;
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const index = path.join(root, 'Packages.xz');
  writeFileSync(index, await download(`dists/${suite}/main/binary-amd64/Packages.xz`));
  const unpacked = run('xz', ['-df', index], { cwd: root });
  if (unpacked.status !== 0) throw new Error(unpacked.output);
  const packages = readFileSync(path.join(root, 'Packages'), 'utf8').split('\n\n');
  for (const name of libraries) {
    const entry = packages.find((text) => text.startsWith(`Package: ${name}\n`)) ?? '';
    const file = /^Filename: (.+)$/m.exec(entry)?.[1];
    const sha256 = /^SHA256: (.+)$/m.exec(entry)?.[1];
    if (file === undefined) throw new Error(`${suite} has no package ${name}`);
    const bytes = await download(file);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new Error(`${file} is not what the index says`);
    }
    const archive = path.join(root, `${name}.deb`);
    writeFileSync(archive, bytes);
    const extracted = run('dpkg-deb', ['-x', archive, root], { cwd: root });
    if (extracted.status !== 0) throw new Error(extracted.output);
  }
  writeFileSync(path.join(root, 'complete'), '');
  return root;
}

async function download(file: string): Promise<Uint8Array> {
  const answer = await fetch(`${debian}/${file}`, { signal: AbortSignal.timeout(300_000) });
  if (!answer.ok) throw new Error(`${file}: HTTP ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
