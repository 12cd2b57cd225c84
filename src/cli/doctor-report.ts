import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, cpus, platform, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { availableMemoryBytes, readMachine } from '../engines/machine.ts';
import { thisHost } from '../engines/onnx/accelerator/host.ts';
import type { Host } from '../engines/onnx/accelerator/host.ts';
import { listNvidiaGpus, mpsRuns } from '../engines/onnx/accelerator/nvidia.ts';
import type { NvidiaGpu } from '../engines/onnx/accelerator/nvidia.ts';
import { tryProvider } from '../engines/onnx/provider-trial.ts';
import { listProviders, providers } from '../engines/onnx/providers.ts';
import type { Provider } from '../engines/onnx/providers.ts';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';
import { Random } from '../random.ts';
import type { Row } from '../tensor/row.ts';
import { cacheDirectory } from '../zoo/cache.ts';
import { writeModelFile } from '../zoo/model-file.ts';
import { trialInput, trialModel } from '../zoo/trial-model.ts';
import { packageVersion } from './package-version.ts';

/** How one part of the machine fared. */
export interface Finding {
  readonly works: boolean;
  /** One sentence, for people. */
  readonly detail: string;
}

export interface ProviderFinding extends Finding {
  readonly name: Provider;
  /** Of one run of the trial model, where it works. */
  readonly runMs?: number;
}

/** What this machine can do. */
export interface DoctorReport {
  readonly versions: {
    readonly dnnscaler: string;
    readonly node: string;
    readonly onnxruntimeNode: string;
    readonly npm: string | null;
  };
  readonly system: {
    readonly name: string;
    readonly kernel: string;
    readonly arch: string;
    /** Version of the GNU C library; null elsewhere. */
    readonly glibc: string | null;
  };
  readonly machine: {
    readonly processor: string;
    /** That this process may use, and that there are. */
    readonly cores: number;
    readonly allCores: number;
    readonly memoryBytes: number;
    readonly allMemoryBytes: number;
    readonly availableBytes: number;
  };
  /** Null without nvidia-smi. */
  readonly gpus: readonly NvidiaGpu[] | null;
  readonly mps: boolean;
  readonly providers: readonly ProviderFinding[];
  readonly images: Finding;
  readonly cache: Finding & { readonly path: string };
}

export interface DoctorOptions {
  /** How long loading and a run may take on each provider, in ms. */
  readonly limitMs: number;
  readonly onProgress: (what: string) => void;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** Looks at this machine and tries what there is to try. */
export async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { onProgress, signal } = options;
  onProgress('the machine');
  const gpus = (await orAborted(() => listNvidiaGpus(thisHost), signal)) ?? null;
  const machine = readMachine();
  return {
    versions: {
      dnnscaler: packageVersion(),
      node: process.versions.node,
      onnxruntimeNode: versionOf('onnxruntime-node'),
      npm: (await orAborted(npmVersion, signal)) ?? null,
    },
    system: readSystem(thisHost),
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: machine.cores,
      allCores: cpus().length,
      memoryBytes: machine.memoryBytes,
      allMemoryBytes: totalmem(),
      availableBytes: availableMemoryBytes(),
    },
    gpus,
    mps: mpsRuns(thisHost),
    providers: await tryProviders(options),
    images: await orAborted(tryImages, signal),
    cache: await orAborted(() => tryCache(cacheDirectory()), signal),
  };
}

async function npmVersion(): Promise<string | undefined> {
  return (await thisHost.output('npm', ['--version']))?.trim();
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return 'missing';
  }
}

function readSystem(host: Host): DoctorReport['system'] {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(host.readText('/etc/os-release') ?? '')?.[1];
  const { header } = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  return {
    name: name ?? platform(),
    kernel: `${platform()} ${release()}`,
    arch: arch(),
    glibc: header.glibcVersionRuntime ?? null,
  };
}

async function tryProviders({
  limitMs,
  onProgress,
  signal,
}: DoctorOptions): Promise<readonly ProviderFinding[]> {
  let offered: readonly string[];
  try {
    offered = await listProviders();
  } catch (thrown) {
    const detail = `onnxruntime-node cannot be loaded: ${toDnnScalerError(thrown).message}`;
    return [{ name: 'cpu', works: false, detail }];
  }
  const folder = await mkdtemp(join(tmpdir(), 'dnnscaler-doctor-'));
  try {
    const modelPath = join(folder, 'trial.onnx');
    await writeModelFile(trialModel(), modelPath);
    const row = trialRow();
    const findings: ProviderFinding[] = [];
    let expected: Row | undefined;
    for (const name of providers.filter((each) => offered.includes(each))) {
      onProgress(`provider ${name}`);
      const compared = expected === undefined ? {} : { expected };
      const trial = await orAborted(
        () => tryProvider({ provider: name, modelPath, row, limitMs, ...compared }),
        signal,
      );
      if (trial.works) {
        if (name === 'cpu') expected = trial.reply;
        findings.push({ name, works: true, detail: 'ran a small model', runMs: trial.runMs });
      } else findings.push({ name, works: false, detail: inShort(trial.error.message) });
    }
    return findings;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A step, left where it is when the signal comes: its processes end with this one. */
function orAborted<T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new DnnScalerError('cancelled', 'interrupted'));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    step()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

function trialRow(): Row {
  const random = new Random(1);
  const length = trialInput.dims.reduce((a, b) => a * b, 1);
  return [{ data: Float32Array.from({ length }, () => random.normal()), dims: trialInput.dims }];
}

/** What a line that begins with the provider's name need not say, nor of a file that is gone. */
function inShort(message: string): string {
  return message
    .replace(/^execution provider \S+ /, '')
    .replace(/the model \S*trial\.onnx/, 'a small model');
}

async function tryImages(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    const { imageDecoder } = await import('../datasets/decode-image.ts');
    const background = { r: 255, g: 0, b: 0 };
    const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background } })
      .jpeg()
      .toBuffer();
    const decode = imageDecoder({
      ...{ width: 4, height: 4, layout: 'NHWC', channelOrder: 'RGB', resize: 'stretch' },
      datatype: 'UINT8',
    });
    const [pixels] = await decode(jpeg);
    const [red = 0, green = 0] = (pixels?.data ?? []) as Uint8Array;
    if (red < 200 || green > 50) throw new Error('a red picture did not come out red');
    return {
      works: true,
      detail: `sharp ${sharp.versions.sharp} decoded a JPEG (libvips ${sharp.versions.vips})`,
    };
  } catch (thrown) {
    return { works: false, detail: toDnnScalerError(thrown).message };
  }
}

async function tryCache(path: string): Promise<DoctorReport['cache']> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
    return { path, works: true, detail: 'can be written' };
  } catch (thrown) {
    return { path, works: false, detail: toDnnScalerError(thrown).message };
  }
}
