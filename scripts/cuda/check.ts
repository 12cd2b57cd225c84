/**
 * Checks an installation of the CUDA provider: its files and their version, every library that they
 * need, the driver and a GPU, and a small model that really runs. Says what is missing, in one
 * sentence for each step.
 *
 * Ends with 0 when the model ran on the GPU, 1 when something is missing or fails, and 2 when there
 * can be no CUDA on this platform.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { thisHost } from '../../src/engines/onnx/accelerator/host.ts';
import { searchLibraries } from '../../src/engines/onnx/accelerator/library-search.ts';
import { listNvidiaGpus, mpsRuns } from '../../src/engines/onnx/accelerator/nvidia.ts';
import {
  describeLacks,
  providerFiles,
  providerNeeds,
} from '../../src/engines/onnx/accelerator/provider-check.ts';
import { instanceEnvironment } from '../../src/engines/onnx/accelerator/instance-environment.ts';
import { tryProvider } from '../../src/engines/onnx/provider-trial.ts';
import { formatMs } from '../../src/units.ts';
import { writeModelFile } from '../../src/zoo/model-file.ts';
import { trialInput, trialModel } from '../../src/zoo/trial-model.ts';
import { fileHolds } from './file-holds.ts';
import { runtimeVersion } from './wheels.ts';

const trialLimitMs = 120_000;
let failures = 0;

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(
    `no   onnxruntime-node has the CUDA provider on Linux x64 only, and this is ${process.platform} ${process.arch}`,
  );
  process.exitCode = 2;
} else {
  await check();
  process.exitCode = failures === 0 ? 0 : 1;
}

async function check(): Promise<void> {
  const search = await searchLibraries(thisHost);
  const needs = providerNeeds('cuda', thisHost, search);
  const missingFiles = needs.lacks.find(({ what }) => what.startsWith('files'));
  const others = needs.lacks.filter((lack) => lack !== missingFiles);
  tell('provider files', missingFiles && describeLacks([missingFiles]), thisHost.providerFolder);
  if (missingFiles === undefined)
    tell('their version', versionFault(), `${runtimeVersion}, as onnxruntime-node`);
  const built = needs.cudaMajor === undefined ? '' : `built for CUDA ${needs.cudaMajor}`;
  tell('libraries', others.length > 0 ? `missing: ${describeLacks(others)}` : undefined, built);
  if (failures === 0) {
    const { LD_LIBRARY_PATH } = { ...process.env, ...environmentOf(needs) };
    tell('the dynamic loader', unresolved(LD_LIBRARY_PATH), 'finds all of them');
  }
  const gpus = await listNvidiaGpus(thisHost);
  const fault =
    gpus === undefined
      ? 'nvidia-smi, which comes with the driver, is not here or fails'
      : gpus.length === 0
        ? 'nvidia-smi lists no GPU'
        : undefined;
  tell(
    'a GPU',
    fault,
    gpus?.map(({ name, driver }) => `${name}, driver ${driver}`).join('; ') ?? '',
  );
  if (gpus !== undefined && gpus.length > 0) {
    const mps = mpsRuns(thisHost) ? 'runs' : 'does not run; instances take turns on the GPU';
    console.log(`     MPS: ${mps}`);
  }
  tell('a small model', await trialFault(), 'ran on the GPU');
}

function environmentOf({
  found,
}: ReturnType<typeof providerNeeds>): Readonly<Record<string, string>> {
  const { env } = process;
  const none = { device: undefined, memoryBytes: undefined };
  return instanceEnvironment({ provider: 'cuda', environment: env, found, ...none });
}

function tell(what: string, fault: string | undefined, detail: string): void {
  if (fault !== undefined) failures += 1;
  console.log(`${fault === undefined ? 'ok' : 'no'}   ${what}: ${fault ?? detail}`);
}

/** Files of another version load, and then crash: their tables of functions differ. */
function versionFault(): string | undefined {
  const file = path.join(thisHost.providerFolder, 'libonnxruntime_providers_cuda.so');
  if (fileHolds(file, `\0${runtimeVersion}\0`)) return undefined;
  return `the files are not of version ${runtimeVersion}, which onnxruntime-node is; fetch those of its version`;
}

/** What the loader does not find for the provider, in the environment of an instance. */
function unresolved(libraryPath: string | undefined): string | undefined {
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath };
  const missing = new Set<string>();
  for (const name of providerFiles('cuda')) {
    const file = path.join(thisHost.providerFolder, name);
    const { stdout, error } = spawnSync('ldd', [file], { env, encoding: 'utf8' });
    if (error !== undefined) return undefined;
    for (const [, library = ''] of stdout.matchAll(/^\s*(\S+) => not found/gm))
      missing.add(library);
  }
  return missing.size === 0 ? undefined : `does not find ${[...missing].join(', ')}`;
}

async function trialFault(): Promise<string | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), 'dnnscaler-cuda-'));
  try {
    const modelPath = path.join(folder, 'trial.onnx');
    await writeModelFile(trialModel(), modelPath);
    const length = trialInput.dims.reduce((a, b) => a * b, 1);
    const row = [{ data: new Float32Array(length).fill(0.5), dims: trialInput.dims }];
    const limits = { modelPath, row, limitMs: trialLimitMs };
    const onCpu = await tryProvider({ provider: 'cpu', ...limits });
    if (!onCpu.works) return `not even the CPU runs it: ${onCpu.error.message}`;
    const onGpu = await tryProvider({ provider: 'cuda', expected: onCpu.reply, ...limits });
    if (!onGpu.works) return onGpu.error.message;
    console.log(`     one run took ${formatMs(onGpu.runMs)}`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
