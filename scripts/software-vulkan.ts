import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './npm.ts';

export type SoftwareVulkan =
  | {
      readonly found: true;
      /** What a process needs to use it. */
      readonly environment: Readonly<Record<string, string>>;
      /** For people, such as `Mesa 25.0.7 (lavapipe)`. */
      readonly what: string;
    }
  | { readonly found: false; readonly why: string };

/** Debian's packages by the libraries of the driver that may be missing. */
const packageOf: Readonly<Record<string, string>> = {
  'libLLVM-15.so.1': 'libllvm15',
  'libLLVM.so.19.1': 'libllvm19',
  'libdrm.so.2': 'libdrm2',
  'libelf.so.1': 'libelf1',
  'libwayland-client.so.0': 'libwayland-client0',
  'libX11-xcb.so.1': 'libx11-xcb1',
  'libxcb.so.1': 'libxcb1',
  'libxcb-dri3.so.0': 'libxcb-dri3-0',
  'libxcb-present.so.0': 'libxcb-present0',
  'libxcb-randr.so.0': 'libxcb-randr0',
  'libxcb-shm.so.0': 'libxcb-shm0',
  'libxcb-sync.so.1': 'libxcb-sync1',
  'libxcb-xfixes.so.0': 'libxcb-xfixes0',
  'libxshmfence.so.1': 'libxshmfence1',
  'libXau.so.6': 'libxau6',
  'libXdmcp.so.6': 'libxdmcp6',
  'libbsd.so.0': 'libbsd0',
  'libmd.so.0': 'libmd0',
  'libedit.so.2': 'libedit2',
  'libz3.so.4': 'libz3-4',
  'libxml2.so.2': 'libxml2',
  'libicuuc.so.72': 'libicu72',
};

const debian = 'http://deb.debian.org/debian';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Packages that lie in the folder must be newer than this version of Mesa. */
const oldestMesa = 25;

/**
 * Mesa's Vulkan driver for the CPU, unpacked from Debian's packages into a folder of its own:
 * nothing is installed, and nobody has to be root. Debian 12 has a version that is new enough among
 * its backports only.
 */
export function softwareVulkan(folder: string): SoftwareVulkan {
  const root = path.join(folder, 'root');
  const stamp = path.join(folder, 'complete');
  if (!existsSync(stamp)) {
    const why = unpack(folder, root);
    if (why !== undefined) return { found: false, why };
    writeFileSync(stamp, '');
  }
  const libraries = path.join(root, 'usr/lib/x86_64-linux-gnu');
  const driver = path.join(folder, 'lavapipe.json');
  const library = path.join(libraries, 'libvulkan_lvp.so');
  const ICD = { library_path: library, api_version: '1.4.0' };
  writeFileSync(driver, JSON.stringify({ file_format_version: '1.0.0', ICD }));
  return {
    found: true,
    environment: {
      VK_DRIVER_FILES: driver,
      LD_LIBRARY_PATH: [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    },
    what: `Mesa ${readFileSync(path.join(folder, 'version'), 'utf8')} (lavapipe)`,
  };
}

/** Why it could not be unpacked; undefined when it was. */
function unpack(folder: string, root: string): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `Debian's Mesa for the CPU is taken on Linux x64 only, and this is ${process.platform} ${process.arch}`;
  }
  const debs = path.join(folder, 'debs');
  rmSync(folder, { recursive: true, force: true });
  for (const each of [debs, path.join(folder, 'lists/partial')])
    mkdirSync(each, { recursive: true });
  const options = aptOptions(folder);
  if (options === undefined) {
    return 'Mesa 25 or later with lavapipe is taken from Debian 12 (backports) or 13 only; install it, and the suite finds it';
  }
  const apt = (...args: readonly string[]): ReturnType<typeof run> =>
    run('apt-get', [...options, ...args], { cwd: debs });
  const updated = apt('-q', 'update');
  if (updated.status !== 0) return `apt-get update failed: ${lastLine(updated.output)}`;
  const download = (names: readonly string[]): string | undefined => {
    const { status, output } = apt('-q', 'download', ...names);
    if (status !== 0) return `apt-get download failed: ${lastLine(output)}`;
    for (const deb of readdirSync(debs)) {
      const unpacked = run('dpkg-deb', ['-x', deb, root], { cwd: debs });
      if (unpacked.status !== 0) return `dpkg-deb failed: ${lastLine(unpacked.output)}`;
    }
    return undefined;
  };
  const failed = download(['mesa-vulkan-drivers', 'libvulkan1', 'libdrm2']);
  if (failed !== undefined) return failed;
  const version = /^mesa-vulkan-drivers_([\d.]+)/.exec(
    readdirSync(debs).find((name) => name.startsWith('mesa-vulkan-drivers')) ?? '',
  )?.[1];
  if (version === undefined || Number.parseInt(version, 10) < oldestMesa) {
    return `Debian has Mesa ${version ?? 'of no version'} here, and WebGPU takes ${oldestMesa} or later`;
  }
  writeFileSync(path.join(folder, 'version'), version);
  return addMissing(path.join(root, 'usr/lib/x86_64-linux-gnu'), download);
}

/** Fetches what the driver needs and the machine lacks; what those need in turn comes with the next round. */
function addMissing(
  libraries: string,
  download: (names: readonly string[]) => string | undefined,
): string | undefined {
  const driver = path.join(libraries, 'libvulkan_lvp.so');
  const env = { ...process.env, LD_LIBRARY_PATH: libraries };
  for (let round = 0; round < 5; round += 1) {
    const { output } = run('ldd', [driver], { cwd: libraries, env });
    const missing = [...output.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name ?? '');
    if (missing.length === 0) return undefined;
    const unknown = missing.filter((name) => packageOf[name] === undefined);
    if (unknown.length > 0) return `the driver needs ${unknown.join(', ')}, which is not here`;
    const failed = download([...new Set(missing.map((name) => packageOf[name] as string))]);
    if (failed !== undefined) return failed;
  }
  return 'the libraries of the driver need ever more libraries';
}

/** Options with which apt keeps its lists in the folder; undefined where Debian's Mesa is of no use. */
function aptOptions(folder: string): readonly string[] | undefined {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(release)?.[1];
  if (!/^ID=debian$/m.test(release) || !existsSync(keyring)) return undefined;
  const suites =
    codename === 'bookworm'
      ? ['bookworm-backports', 'bookworm']
      : codename === 'trixie'
        ? ['trixie']
        : [];
  if (suites.length === 0) return undefined;
  const sources = path.join(folder, 'sources.list');
  writeFileSync(
    sources,
    suites.map((suite) => `deb [signed-by=${keyring}] ${debian} ${suite} main\n`).join(''),
  );
  return [
    `-oDir::State::Lists=${path.join(folder, 'lists')}`,
    `-oDir::Etc::SourceList=${sources}`,
    '-oDir::Etc::SourceParts=/dev/null',
    ...['-oAcquire::http::Timeout=20', '-oAcquire::Retries=1'],
    // Without a sandbox there is no user whom apt would have to let into the folder.
    '-oAPT::Sandbox::User=root',
    `-oAPT::Default-Release=${suites[0]}`,
  ];
}

function lastLine(output: string): string {
  return output.split('\n').at(-1) ?? '';
}
