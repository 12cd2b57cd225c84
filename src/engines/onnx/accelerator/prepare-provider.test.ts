import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../../../errors.ts';
import { resolveOptions } from '../options.ts';
import type { OnnxEngineOptions } from '../options.ts';
import { mpsRuns, parseGpus } from './nvidia.ts';
import { openPrepared, prepareProvider } from './prepare-provider.ts';
import type { PreparedProvider } from './prepare-provider.ts';
import { cudaMachine, fakeHost, filesIn } from './testing/fake-host.ts';
import type { FakeMachine } from './testing/fake-host.ts';

const mps = {
  '/tmp/nvidia-mps/control': '',
  '/tmp/nvidia-mps/nvidia-cuda-mps-control.pid': '77\n',
  '/proc/77/comm': 'nvidia-cuda-mps\n',
};

function prepare(
  options: Partial<OnnxEngineOptions>,
  machine: FakeMachine = cudaMachine(),
): Promise<PreparedProvider> {
  const resolved = resolveOptions({ modelPath: 'm', cores: 2, provider: 'cuda', ...options });
  return prepareProvider(resolved, fakeHost(machine), () =>
    Promise.reject(new Error('no such daemon')),
  );
}

describe('the GPU of an instance', () => {
  it('is the first by the numbers of nvidia-smi unless one is named', async () => {
    const { environment, maxInstances } = await prepare({});
    expect(environment).toEqual({ CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
    const chosen = { ...cudaMachine(), environment: { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' } };
    expect((await prepare({}, chosen)).environment).toEqual({});
    expect(maxInstances).toBe(Number.POSITIVE_INFINITY);
  });

  it('is the only one it sees, by the numbers of nvidia-smi', async () => {
    const { environment } = await prepare({ device: 1 });
    expect(environment).toMatchObject({
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      CUDA_VISIBLE_DEVICES: '1',
    });
  });

  it('is counted among those that this process may see', async () => {
    const machine = { ...cudaMachine(), environment: { CUDA_VISIBLE_DEVICES: 'GPU-bbbb, 0' } };
    const { environment } = await prepare(
      { device: 0, memoryPerInstance: { fraction: 0.5 } },
      machine,
    );
    // Half of the second GPU, which is the first that may be seen.
    expect(environment).toMatchObject({
      CUDA_VISIBLE_DEVICES: 'GPU-bbbb',
      CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: '0=20480M',
    });
    await expect(prepare({ device: 2 }, machine)).rejects.toThrow(
      'the device must be below 2, the number of GPUs that CUDA_VISIBLE_DEVICES lets through; received 2',
    );
  });

  it('must be there', async () => {
    await expect(prepare({ device: 7 })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: 'the device must be below 2, the number of GPUs that nvidia-smi lists; received 7',
    });
    const empty = { ...cudaMachine(), commands: { 'nvidia-smi': 'No devices were found\n' } };
    await expect(prepare({}, empty)).rejects.toThrow('nvidia-smi finds the driver, and no GPU');
  });

  it('needs a driver as new as the provider libraries', async () => {
    const old = { 'nvidia-smi': '0, GPU-aaaa, 550.54.14, 81920, 80000, NVIDIA A' };
    await expect(prepare({}, { ...cudaMachine(13), commands: old })).rejects.toThrow(
      'the NVIDIA driver is 550.54.14, and these provider libraries are for CUDA 13, which needs 580 or later',
    );
    await expect(prepare({}, { ...cudaMachine(12), commands: old })).resolves.toBeDefined();
  });
});

describe('the libraries of an instance', () => {
  it('are made known to its loader after those that were', async () => {
    const { files, commands } = cudaMachine();
    const cudnn = '/usr/lib/x86_64-linux-gnu/libcudnn.so.9';
    const { [cudnn]: _, ...others } = files;
    const { environment } = await prepare(
      {},
      {
        files: { ...others, ...filesIn('/opt/libs', 'libcudnn.so.9') },
        commands,
        environment: { DNNSCALER_CUDA_LIBRARIES: '/opt/libs', LD_LIBRARY_PATH: '/mine' },
      },
    );
    expect(environment).toMatchObject({ LD_LIBRARY_PATH: '/mine:/opt/libs' });
  });
});

describe('memory for each instance', () => {
  it('bounds the instances by what the GPU has', async () => {
    expect(await prepare({ memoryPerInstance: { fraction: 0.1 } })).toMatchObject({
      maxInstances: 10,
      environment: { CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: '0=8192M' },
    });
    const bytes = 30 * 2 ** 30;
    expect((await prepare({ memoryPerInstance: { bytes } })).maxInstances).toBe(2);
    await expect(prepare({ memoryPerInstance: { bytes: 81 * 2 ** 30 } })).rejects.toThrow(
      "memory per instance must be at most the GPU's 80.0 GiB",
    );
  });

  it('says who enforces it, or that nobody does', async () => {
    const options = { memoryPerInstance: { fraction: 0.25 } };
    const machine = cudaMachine();
    const notes = async (files: FakeMachine['files']): Promise<string> =>
      (await prepare(options, { ...machine, files: { ...machine.files, ...files } })).notes.join();
    expect(await notes({})).toMatch(
      /MPS does not run and cannot be started \(no such daemon\), so instances take turns.*20\.0 GiB.*nothing enforces it/,
    );
    expect(await notes(mps)).toBe('20.0 GiB of GPU memory for each instance, which MPS enforces');
  });

  it('needs to know the GPU for a share of it', async () => {
    const blind = { ...cudaMachine(), commands: {} };
    await expect(prepare({ memoryPerInstance: { fraction: 0.1 } }, blind)).rejects.toThrow(
      'give it in bytes, such as 2GiB',
    );
    const { maxInstances } = await prepare({ memoryPerInstance: { bytes: 2 ** 30 } }, blind);
    expect(maxInstances).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('MPS', () => {
  it('runs when its pipe is there and its process lives', () => {
    expect(mpsRuns(fakeHost())).toBe(false);
    expect(mpsRuns(fakeHost({ files: mps }))).toBe(true);
    expect(mpsRuns(fakeHost({ files: { ...mps, '/proc/77/comm': 'bash\n' } }))).toBe(false);
    const { '/proc/77/comm': _, ...dead } = mps;
    expect(mpsRuns(fakeHost({ files: dead }))).toBe(false);
    const environment = { CUDA_MPS_PIPE_DIRECTORY: '/run/mps' };
    expect(mpsRuns(fakeHost({ files: mps, environment }))).toBe(false);
    expect(mpsRuns(fakeHost({ files: { '/run/mps/control': '' }, environment }))).toBe(true);
  });
});

describe('MPS for several instances', () => {
  const found = { CUDA_MPS_PIPE_DIRECTORY: '/tmp/ours' };

  /** What comes of it, and how often MPS was started. */
  async function prepareWithMps(options: Partial<OnnxEngineOptions>, files = {}) {
    let starts = 0;
    const { files: others, ...machine } = cudaMachine();
    const resolved = resolveOptions({ modelPath: 'm', cores: 2, provider: 'cuda', ...options });
    const host = fakeHost({ ...machine, files: { ...others, ...files } });
    const prepared = await prepareProvider(resolved, host, () => {
      starts += 1;
      return Promise.resolve(found);
    });
    return { ...prepared, starts };
  }

  it('is started where it does not run', async () => {
    const options = { memoryPerInstance: { fraction: 0.25 } };
    const { environment, notes, starts } = await prepareWithMps(options);
    expect(environment).toMatchObject(found);
    expect(notes.join()).toMatch(/MPS was started.*20\.0 GiB.*which MPS enforces/);
    expect(starts).toBe(1);
  });

  it('is done without where nothing can be loaded with it', async () => {
    const opened = async (first: DnnScalerError) => {
      const resolved = resolveOptions({ modelPath: 'm', cores: 2, provider: 'cuda' });
      const seen: PreparedProvider[] = [];
      const open = (prepared: PreparedProvider): Promise<PreparedProvider> => {
        seen.push(prepared);
        return prepared.hasOwnMps ? Promise.reject(first) : Promise.resolve(prepared);
      };
      const starts = () => Promise.resolve(found);
      return { seen, result: openPrepared(resolved, fakeHost(cudaMachine()), open, starts) };
    };
    const { result } = await opened(new DnnScalerError('internal', 'CUDA failure 805'));
    const { environment, notes } = await result;
    expect(environment).not.toMatchObject(found);
    expect(notes.join()).toMatch(/could not be used \(CUDA failure 805\).*take turns/);
    const wrong = await opened(new DnnScalerError('invalid-argument', 'no model'));
    await expect(wrong.result).rejects.toThrow('no model');
    expect(wrong.seen).toHaveLength(1);
  });

  it('is left alone where it runs, with one instance, with threads, and when off', async () => {
    for (const [options, files] of [
      [{}, mps],
      [{ maxInstances: 1 }, {}],
      [{ memoryPerInstance: { fraction: 1 } }, {}],
      [{ isolation: 'thread' as const }, {}],
      [{ mps: 'off' as const }, {}],
    ] as const) {
      const { environment, notes, starts } = await prepareWithMps(options, files);
      expect(starts).toBe(0);
      expect(environment).not.toMatchObject(found);
      expect(notes.some((note) => note.includes('take turns'))).toBe('mps' in options);
    }
  });
});

describe('parseGpus', () => {
  it('takes lines of figures and nothing else', () => {
    expect(parseGpus('warning: something\n\n3, GPU-1, 580.1, [N/A], [N/A], A, B\n')).toEqual([
      { index: 3, name: 'A, B', uuid: 'GPU-1', driver: '580.1' },
    ]);
    expect(parseGpus('0, GPU-2, 580.1, 1024, 512, A')[0]).toMatchObject({
      ...{ memoryBytes: 2 ** 30, freeBytes: 2 ** 29 },
    });
  });
});
