import { describe, expect, it } from 'vitest';
import type { DnnScalerError } from '../../../errors.ts';
import type { Provider } from '../providers.ts';
import { searchLibraries } from './library-search.ts';
import { providerNeeds, requireNeeds } from './provider-check.ts';
import { cudaMachine, fakeHost, filesIn, providerLibraries } from './testing/fake-host.ts';
import type { FakeMachine } from './testing/fake-host.ts';

/** What the check says of a machine; undefined when nothing is missing. */
async function complaint(
  provider: Provider,
  machine: FakeMachine,
  threads = false,
): Promise<string | undefined> {
  const host = fakeHost(machine);
  try {
    requireNeeds(provider, providerNeeds(provider, host, await searchLibraries(host), threads));
    return undefined;
  } catch (thrown) {
    expect((thrown as DnnScalerError).code).toBe('unavailable');
    return (thrown as DnnScalerError).message;
  }
}

const without = (machine: FakeMachine, ...names: readonly string[]): FakeMachine => ({
  ...machine,
  files: Object.fromEntries(
    Object.entries(machine.files ?? {}).filter(
      ([path]) => !names.some((name) => path.endsWith(`/${name}`)),
    ),
  ),
});

describe('what the CUDA provider lacks', () => {
  it('is nothing where everything is', async () => {
    expect(await complaint('cuda', cudaMachine())).toBeUndefined();
    expect(await complaint('cuda', cudaMachine(12))).toBeUndefined();
  });

  it('is told in one sentence with a way to get each', async () => {
    const message = await complaint('cuda', { files: providerLibraries(13) });
    expect(message).toMatch(
      /^execution provider cuda lacks the NVIDIA driver \(libcuda\.so\.1: .*\), cuDNN 9 \(libcudnn\.so\.9: "pip install nvidia-cudnn-cu13".*\), CUDA 13 \(libcublas\.so\.13, libcudart\.so\.13: "pip install nvidia-cublas .*\) and libraries of the system \(libstdc\+\+\.so\.6: [^\n]*$/,
    );
  });

  it.each([
    [
      'libonnxruntime_providers_cuda.so',
      'files of ONNX Runtime',
      '--onnxruntime-node-install=cuda12',
    ],
    ['libcuda.so.1', 'the NVIDIA driver', 'docker run --gpus all'],
    ['libcudnn.so.9', 'cuDNN 9', 'nvidia-cudnn-cu13'],
    ['libcublas.so.13', 'CUDA 13', 'DNNSCALER_CUDA_LIBRARIES'],
  ])('names %s alone when it alone is missing', async (name, what, remedy) => {
    const message = await complaint('cuda', without(cudaMachine(), name));
    expect(message).toContain(`lacks ${what}`);
    expect(message).toContain(name);
    expect(message).toContain(remedy);
    expect(message?.match(/\.so/g)).toHaveLength(1);
  });

  it('names the CUDA that the provider was built for, not one that happens to be there', async () => {
    const machine = {
      ...cudaMachine(12),
      files: { ...cudaMachine(13).files, ...providerLibraries(12) },
    };
    const message = await complaint('cuda', machine);
    expect(message).toContain('CUDA 12 (libcublas.so.12, libcudart.so.12');
    expect(message).toContain('nvidia-cublas-cu12');
  });

  it('counts TensorRT only for TensorRT', async () => {
    expect(await complaint('tensorrt', cudaMachine())).toMatch(
      /lacks TensorRT \(libnvinfer\.so\.10: "pip install tensorrt-cu13-libs==10\.\*"/,
    );
  });

  it('is looked for on Linux only', async () => {
    expect(await complaint('cuda', { platform: 'win32' })).toBeUndefined();
  });
});

describe('where libraries are looked for', () => {
  const names = ['libcublas.so.13', 'libcudart.so.13', 'libcudnn.so.9'];
  const driverOnly = without(cudaMachine(), ...names);

  it.each([
    [{ DNNSCALER_CUDA_LIBRARIES: '/opt/libs' }, '/opt/libs'],
    [{ DNNSCALER_CUDA_LIBRARIES: '/none:/opt/nvidia' }, '/opt/nvidia/cu13/lib'],
    [{ CUDA_HOME: '/opt/cuda' }, '/opt/cuda/lib64'],
    [{ VIRTUAL_ENV: '/venv' }, '/venv/lib/python3.12/site-packages/nvidia/cu13/lib'],
    [{}, '/usr/local/cuda/lib64'],
    [{}, '/app/bin'],
  ])('with %j, in %s', async (environment, folder) => {
    const files = { ...driverOnly.files, ...filesIn(folder, ...names) };
    const host = fakeHost({ environment, files });
    const needs = providerNeeds('cuda', host, await searchLibraries(host));
    expect(needs.lacks).toEqual([]);
    expect(needs.found.get('libcudnn.so.9')).toEqual({ folder, byLoader: false });
    // The loader of this process can no longer be told.
    expect(await complaint('cuda', { environment, files }, true)).toContain('LD_LIBRARY_PATH');
  });

  it('with the loader: LD_LIBRARY_PATH, its folders, and its cache', async () => {
    const files = {
      ...driverOnly.files,
      ...filesIn('/mine', 'libcudnn.so.9'),
      ...filesIn('/lib64', 'libcublas.so.13'),
    };
    const host = fakeHost({
      environment: { LD_LIBRARY_PATH: ':/mine' },
      files,
      commands: {
        '/sbin/ldconfig':
          '2 libs found\n\tlibcudart.so.13 (libc6,x86-64) => /opt/cuda/lib/libcudart.so.13\n',
      },
    });
    const { lacks, found } = providerNeeds('cuda', host, await searchLibraries(host), true);
    expect(lacks).toEqual([]);
    expect(found.get('libcudart.so.13')).toEqual({ folder: '/opt/cuda/lib', byLoader: true });
    expect(found.get('libcudnn.so.9')).toEqual({ folder: '/mine', byLoader: true });
  });
});

describe('what WebGPU lacks', () => {
  const icd = { '/usr/share/vulkan/icd.d/lvp_icd.json': '{}' };
  const loader = filesIn('/usr/lib/x86_64-linux-gnu', 'libvulkan.so.1');

  it('is the loader, a driver, or nothing', async () => {
    expect(await complaint('webgpu', {})).toMatch(
      /lacks the Vulkan loader \(libvulkan\.so\.1: .*\) and a Vulkan driver \(the GPU's own/,
    );
    expect(await complaint('webgpu', { files: icd })).toMatch(
      /lacks the Vulkan loader \([^()]*\);/,
    );
    expect(await complaint('webgpu', { files: loader })).toMatch(/lacks a Vulkan driver/);
    expect(await complaint('webgpu', { files: { ...icd, ...loader } })).toBeUndefined();
  });

  it('takes the drivers that the environment names, and no others', async () => {
    const files = { ...icd, ...loader, '/mine/x.json': '{}' };
    const named = (file: string): Promise<string | undefined> =>
      complaint('webgpu', { files, environment: { VK_DRIVER_FILES: file } });
    expect(await named('/mine/x.json')).toBeUndefined();
    expect(await named('/mine/none.json')).toContain('lacks a Vulkan driver');
  });
});
