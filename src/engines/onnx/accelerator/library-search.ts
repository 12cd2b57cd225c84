import { join } from 'node:path';
import type { Host } from './host.ts';

/** Folders with CUDA, cuDNN or TensorRT libraries, separated by colons; packages of PyPI too. */
export const librariesVariable = 'DNNSCALER_CUDA_LIBRARIES';

export interface FoundLibrary {
  readonly folder: string;
  /** False when the dynamic loader must be told of the folder, through LD_LIBRARY_PATH. */
  readonly byLoader: boolean;
}

/** Where shared libraries lie on this machine (Linux). */
export interface LibrarySearch {
  find(name: string): FoundLibrary | undefined;
}

/** The folders that the loader of x86-64 distributions has built in. */
const builtInFolders = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib/aarch64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  ...['/lib64', '/usr/lib64', '/lib', '/usr/lib'],
];

/** Where installers put CUDA, and containers and WSL the driver's libraries. */
const usualFolders = [
  '/usr/local/cuda/lib64',
  '/usr/local/nvidia/lib64',
  '/usr/local/nvidia/lib',
  '/usr/lib/wsl/lib',
];

/**
 * Searches as the dynamic loader does (LD_LIBRARY_PATH, its cache, its built-in folders), and then
 * where CUDA commonly lies: `DNNSCALER_CUDA_LIBRARIES`, beside the providers, `CUDA_HOME`, the
 * usual folders, and the packages of an active Python environment.
 */
export async function searchLibraries(host: Host): Promise<LibrarySearch> {
  const cache = (await host.output('/sbin/ldconfig', ['-p'])) ?? '';
  const cached = new Map<string, string>();
  for (const [, name, folder] of cache.matchAll(/^\s+(\S+) \(.*\) => (\/.*)\/[^/\n]+$/gm)) {
    if (name !== undefined && folder !== undefined && !cached.has(name)) cached.set(name, folder);
  }
  const loaderFolders = [...splitPath(host.environment.LD_LIBRARY_PATH), ...builtInFolders];
  const otherFolders = foldersToTell(host);
  return {
    find(name) {
      const holds = (folder: string): boolean => host.exists(join(folder, name));
      const byLoader = loaderFolders.find(holds) ?? cached.get(name);
      if (byLoader !== undefined) return { folder: byLoader, byLoader: true };
      const folder = otherFolders.find(holds);
      return folder === undefined ? undefined : { folder, byLoader: false };
    },
  };
}

function foldersToTell(host: Host): readonly string[] {
  const { environment } = host;
  const toolkits = [environment.CUDA_HOME, environment.CUDA_PATH].filter((each) => each);
  return [
    ...splitPath(environment[librariesVariable]).flatMap((folder) => withLibFolders(host, folder)),
    host.providerFolder,
    ...toolkits.map((folder) => join(folder as string, 'lib64')),
    ...usualFolders,
    ...pythonFolders(host).flatMap((packages) => [
      ...withLibFolders(host, join(packages, 'nvidia')),
      join(packages, 'tensorrt_libs'),
    ]),
  ];
}

/** A folder, and `lib` in it and in each of its folders, which is how NVIDIA's packages lie. */
function withLibFolders(host: Host, folder: string): readonly string[] {
  const parts = host.list(folder).map((name) => join(folder, name, 'lib'));
  return [folder, join(folder, 'lib'), join(folder, 'lib64'), ...parts];
}

/** The `site-packages` of the Python environment that is active. */
function pythonFolders(host: Host): readonly string[] {
  const roots = [host.environment.VIRTUAL_ENV, host.environment.CONDA_PREFIX];
  return roots.flatMap((root) => {
    if (!root) return [];
    const lib = join(root, 'lib');
    const versions = host.list(lib).filter((name) => /^python3\.\d+$/.test(name));
    return versions.map((name) => join(lib, name, 'site-packages'));
  });
}

export function splitPath(path: string | undefined): readonly string[] {
  return (path ?? '').split(':').filter((folder) => folder !== '');
}
