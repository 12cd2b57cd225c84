import type { Host } from '../host.ts';

export interface FakeMachine {
  readonly platform?: NodeJS.Platform;
  readonly environment?: Readonly<Record<string, string>>;
  /** Files by path: their text, or the libraries that they need. */
  readonly files?: Readonly<Record<string, string | readonly string[]>>;
  /** What commands print, by their name. */
  readonly commands?: Readonly<Record<string, string>>;
}

export const providerFolder = '/app/bin';

/** A machine that is made up. */
export function fakeHost(machine: FakeMachine = {}): Host {
  const { platform = 'linux', environment = {}, files = {}, commands = {} } = machine;
  const paths = Object.keys(files);
  return {
    platform,
    environment,
    providerFolder,
    exists: (path) => paths.some((file) => file === path || file.startsWith(`${path}/`)),
    list: (folder) => {
      const inside = paths.filter((file) => file.startsWith(`${folder}/`));
      return [...new Set(inside.map((file) => file.slice(folder.length + 1).split('/')[0] ?? ''))];
    },
    readText: (path) => {
      const file = files[path];
      return typeof file === 'string' ? file : undefined;
    },
    neededBy: (path) => {
      const file = files[path];
      return typeof file === 'object' ? file : undefined;
    },
    output: (command) => Promise.resolve(commands[command]),
  };
}

/** Files of providers, built for a major version of CUDA. */
export function providerLibraries(cudaMajor: number): Readonly<Record<string, readonly string[]>> {
  const cuda = [`libcublas.so.${cudaMajor}`, `libcudart.so.${cudaMajor}`, 'libcuda.so.1'];
  return {
    [`${providerFolder}/libonnxruntime_providers_shared.so`]: ['libc.so.6'],
    [`${providerFolder}/libonnxruntime_providers_cuda.so`]: [...cuda, 'libstdc++.so.6'],
    [`${providerFolder}/libonnxruntime_providers_tensorrt.so`]: [...cuda, 'libnvinfer.so.10'],
  };
}

/** Empty files, as libraries that only have to be there. */
export function filesIn(
  folder: string,
  ...names: readonly string[]
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(names.map((name) => [`${folder}/${name}`, []]));
}

/** A machine on which the CUDA provider of this major version can start. */
export function cudaMachine(
  cudaMajor = 13,
): FakeMachine & Required<Pick<FakeMachine, 'files' | 'commands'>> {
  const names = [`libcublas.so.${cudaMajor}`, `libcudart.so.${cudaMajor}`, 'libcudnn.so.9'];
  return {
    files: {
      ...providerLibraries(cudaMajor),
      ...filesIn('/usr/lib/x86_64-linux-gnu', 'libcuda.so.1', 'libstdc++.so.6', ...names),
    },
    commands: {
      'nvidia-smi': [
        '0, GPU-aaaa, 580.95.05, 81920, 80000, NVIDIA A',
        '1, GPU-bbbb, 580.95.05, 40960, 40000, NVIDIA B',
      ].join('\n'),
    },
  };
}
