import { join } from 'node:path';
import { DnnScalerError } from '../../../errors.ts';
import type { Provider } from '../providers.ts';
import type { Host } from './host.ts';
import type { FoundLibrary, LibrarySearch } from './library-search.ts';
import { librariesVariable } from './library-search.ts';
import { vulkanDrivers } from './vulkan.ts';

/** One thing that a provider lacks, and how to get it. */
export interface Lack {
  /** For people, such as `the NVIDIA driver`. */
  readonly what: string;
  readonly libraries: readonly string[];
  readonly remedy: string;
}

export interface ProviderNeeds {
  readonly lacks: readonly Lack[];
  /** Libraries that are there. */
  readonly found: ReadonlyMap<string, FoundLibrary>;
  /** Major version of CUDA that the provider was built for, where it was. */
  readonly cudaMajor: number | undefined;
}

/** What the CUDA provider opens by itself when a model has convolutions. */
const cudnn = 'libcudnn.so.9';

/**
 * Looks for everything that a session on this provider loads, without loading it. What it needs is
 * read from the provider's own file, so that builds for other versions of CUDA are told right.
 *
 * @param threads true when sessions run in this process, whose loader can be told of no more folders
 */
export function providerNeeds(
  provider: Provider,
  host: Host,
  search: LibrarySearch,
  threads = false,
): ProviderNeeds {
  if (host.platform === 'linux') {
    if (provider === 'webgpu') return webgpuNeeds(host, search);
    if (provider === 'cuda' || provider === 'tensorrt')
      return cudaNeeds(provider, host, search, threads);
  }
  return { lacks: [], found: new Map(), cudaMajor: undefined };
}

/** @throws DnnScalerError `unavailable` with one sentence that names all that is missing */
export function requireNeeds(provider: Provider, { lacks }: ProviderNeeds): void {
  if (lacks.length === 0) return;
  const message = `execution provider ${provider} lacks ${describeLacks(lacks)}; docs/gpu.md has every step`;
  throw new DnnScalerError('unavailable', message);
}

/** `the NVIDIA driver (libcuda.so.1: ...) and cuDNN 9 (libcudnn.so.9: ...)`. */
export function describeLacks(lacks: readonly Lack[]): string {
  const parts = lacks.map(({ what, libraries, remedy }) => {
    return `${what} (${[libraries.join(', '), remedy].filter((part) => part !== '').join(': ')})`;
  });
  const last = parts.pop() as string;
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

/** Files of providers as onnxruntime-node looks for them. */
export function providerFiles(provider: 'cuda' | 'tensorrt'): readonly string[] {
  // TensorRT hands what it cannot run to CUDA.
  const names = provider === 'cuda' ? ['shared', 'cuda'] : ['shared', 'cuda', 'tensorrt'];
  return names.map((name) => `libonnxruntime_providers_${name}.so`);
}

function cudaNeeds(
  provider: 'cuda' | 'tensorrt',
  host: Host,
  search: LibrarySearch,
  threads: boolean,
): ProviderNeeds {
  const files = providerFiles(provider).map((name) => join(host.providerFolder, name));
  const absent = files.filter((file) => !host.exists(file));
  const lacks: Lack[] = [];
  if (absent.length > 0) {
    lacks.push({
      what: 'files of ONNX Runtime that are not in its npm package',
      libraries: absent.map((file) => file.slice(host.providerFolder.length + 1)),
      remedy: `fetch them with "node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12", or copy them into ${host.providerFolder}`,
    });
  }
  // Before the provider's file is there, the driver is all that is known to be needed.
  const needed = new Set(['libcuda.so.1']);
  for (const file of files) for (const name of host.neededBy(file) ?? []) needed.add(name);
  if (absent.length === 0) needed.add(cudnn);
  const cudaMajor = majorOf(needed);
  const found = new Map<string, FoundLibrary>();
  const missing: string[] = [];
  for (const name of needed) {
    const library = search.find(name);
    if (library !== undefined && (library.byLoader || !threads)) found.set(name, library);
    else if (library !== undefined || !isLoader(name)) missing.push(name);
  }
  lacks.push(...groupLacks(missing, cudaMajor, threads));
  return { lacks, found, cudaMajor };
}

/** The loader itself and the C library are there, or nothing at all would run. */
function isLoader(name: string): boolean {
  return /^(ld-linux|libc\.|libm\.|libdl\.|librt\.|libpthread\.)/.test(name);
}

function majorOf(needed: ReadonlySet<string>): number | undefined {
  for (const name of needed) {
    const major = /^libcu(?:dart|blas)\.so\.(\d+)$/.exec(name)?.[1];
    if (major !== undefined) return Number(major);
  }
  return undefined;
}

function groupLacks(
  missing: readonly string[],
  cudaMajor: number | undefined,
  threads: boolean,
): readonly Lack[] {
  const suffix = cudaMajor === undefined ? '' : ` ${cudaMajor}`;
  const variable = threads ? 'LD_LIBRARY_PATH' : librariesVariable;
  const folders = `then name their folder in ${variable}`;
  const oldStyle = cudaMajor !== undefined && cudaMajor < 13 ? `-cu${cudaMajor}` : '';
  const pip = ['cublas', 'cuda-runtime', 'curand', 'cufft', 'cuda-nvrtc']
    .map((name) => `nvidia-${name}${oldStyle}`)
    .join(' ');
  const tensorRt = /^libnvinfer\.so\.(\d+)/m.exec(missing.join('\n'))?.[1] ?? '10';
  const groups: readonly (readonly [pattern: RegExp, what: string, remedy: string])[] = [
    [
      /^libcuda\.so/,
      'the NVIDIA driver',
      'install it, or start the container with its GPUs, as with "docker run --gpus all"',
    ],
    [/^libcudnn/, 'cuDNN 9', `"pip install nvidia-cudnn-cu${cudaMajor ?? 12}", ${folders}`],
    [
      /^libnv(infer|onnxparser)/,
      'TensorRT',
      `"pip install tensorrt-cu${cudaMajor ?? 12}-libs==${tensorRt}.*", ${folders}`,
    ],
    [/^lib(cu|nv)/, `CUDA${suffix}`, `"pip install ${pip}", ${folders}`],
    [/./, 'libraries of the system', "install them with the system's package manager"],
  ];
  const lacks: Lack[] = [];
  let rest = missing;
  for (const [pattern, what, remedy] of groups) {
    const libraries = rest.filter((name) => pattern.test(name));
    rest = rest.filter((name) => !pattern.test(name));
    if (libraries.length > 0) lacks.push({ what, libraries, remedy });
  }
  return lacks;
}

function webgpuNeeds(host: Host, search: LibrarySearch): ProviderNeeds {
  const lacks: Lack[] = [];
  const found = new Map<string, FoundLibrary>();
  const loader = search.find('libvulkan.so.1');
  if (loader === undefined) {
    lacks.push({
      what: 'the Vulkan loader',
      libraries: ['libvulkan.so.1'],
      remedy: '"apt install libvulkan1", or the like',
    });
  } else found.set('libvulkan.so.1', loader);
  if (vulkanDrivers(host).length === 0) {
    lacks.push({
      what: 'a Vulkan driver',
      libraries: [],
      remedy:
        "the GPU's own, or Mesa 25 or later with lavapipe on the CPU, as a .json file in /usr/share/vulkan/icd.d",
    });
  }
  return { lacks, found, cudaMajor: undefined };
}
