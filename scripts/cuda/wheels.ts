import { createRequire } from 'node:module';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { findPython } from '../client-environment.ts';
import { run } from '../npm.ts';

/** Of onnxruntime-node. */
export const { version: runtimeVersion } = createRequire(import.meta.url)(
  'onnxruntime-node/package.json',
) as { version: string };

/**
 * PyPI's build of ONNX Runtime for CUDA 13 has the provider files that onnxruntime-node lacks. They
 * fit when the version is the same: both come from one commit of the sources.
 */
const providerWheel = `onnxruntime-gpu==${runtimeVersion}`;

/** What the provider needs of CUDA 13.0, which the driver 580 brings, and cuDNN 9. */
const libraryWheels = [
  'nvidia-cuda-runtime==13.0.96',
  'nvidia-cublas==13.1.0.3',
  'nvidia-cuda-nvrtc==13.0.88',
  'nvidia-curand==10.4.0.35',
  'nvidia-cufft==12.0.0.61',
  'nvidia-cudnn-cu13==9.19.0.56',
];

/** Files of these wheels that are of use; nvblas and cufftw stand in for libraries nobody calls. */
const wanted = String.raw`(libonnxruntime_providers_(cuda|shared|tensorrt)\.so|nvidia/.*/lib/(?!libnvblas|libcufftw)lib[^/]*\.so[.0-9]*)$`;

/** Extracts members of a wheel, whatever folder they are in, into one folder. */
const extract = `
import os, re, shutil, sys, zipfile
wheel, wanted, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for info in archive.infolist():
        if re.search(wanted, info.filename):
            file = os.path.join(target, os.path.basename(info.filename))
            with archive.open(info) as source, open(file + '.tmp', 'wb') as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            os.chmod(file + '.tmp', 0o755)
            os.replace(file + '.tmp', file)
            print(os.path.basename(file))
`;

const platforms = ['manylinux_2_28_x86_64', 'manylinux_2_27_x86_64', 'manylinux2014_x86_64'];
const downloadLimitMs = 3_600_000;

export interface CudaOptions {
  /** Where wheels are kept; those that lie there are not downloaded again. */
  readonly wheelFolder: string;
  /** Where the libraries go. */
  readonly target: string;
  /** `providers`: the files of ONNX Runtime alone, for machines that have CUDA and cuDNN. */
  readonly parts: 'providers' | 'all';
  /** Only what lies in the folder is used, and nothing downloaded. */
  readonly offline: boolean;
}

/**
 * Brings the CUDA provider's files, and CUDA and cuDNN if wanted, from packages of PyPI.
 *
 * @returns the names of the files
 * @throws Error with one sentence when there is no Python with pip, or a package cannot be had
 */
export function bringCuda({ wheelFolder, target, parts, offline }: CudaOptions): readonly string[] {
  const python = findPython();
  if (python === undefined) {
    throw new Error(
      'no python3 with pip here (or in PYTHON), which downloads and unpacks from PyPI',
    );
  }
  mkdirSync(wheelFolder, { recursive: true });
  mkdirSync(target, { recursive: true });
  const wheels = parts === 'all' ? [providerWheel, ...libraryWheels] : [providerWheel];
  return wheels.flatMap((wheel) => {
    const file = findWheel(wheelFolder, wheel) ?? download(python, wheelFolder, wheel, offline);
    const ran = run(python, ['-c', extract, file, wanted, target], {
      cwd: wheelFolder,
      timeoutMs: downloadLimitMs,
    });
    if (ran.status !== 0)
      throw new Error(`${path.basename(file)} cannot be unpacked: ${lastLine(ran.output)}`);
    return ran.stdout.trim().split('\n');
  });
}

function findWheel(folder: string, wheel: string): string | undefined {
  const [name = '', version = ''] = wheel.split('==');
  const start = `${name.replaceAll('-', '_')}-${version}-`;
  const found = readdirSync(folder).find((file) => file.startsWith(start) && file.endsWith('.whl'));
  return found === undefined ? undefined : path.join(folder, found);
}

function download(python: string, folder: string, wheel: string, offline: boolean): string {
  if (offline) throw new Error(`there is no wheel of ${wheel} in ${folder}`);
  console.log(`downloading ${wheel} from PyPI`);
  const options = platforms.flatMap((platform) => ['--platform', platform]);
  const ran = run(
    python,
    [
      '-m',
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--only-binary=:all:',
      ...options,
      '--python-version',
      '3.12',
      '-d',
      folder,
      wheel,
    ],
    { cwd: folder, timeoutMs: downloadLimitMs },
  );
  const file = ran.status === 0 ? findWheel(folder, wheel) : undefined;
  if (file === undefined) throw new Error(`pip cannot download ${wheel}: ${lastLine(ran.output)}`);
  return file;
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}
