import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../clock.ts';
import { DnnScalerError } from '../../../errors.ts';

/**
 * Starts the daemon, and ends it when standard input closes, which it does however this process ends,
 * while the daemon is starting, too. It outlives the instances, which end on the same occasion, by a few
 * seconds at the most.
 */
const script = `
trap '' PIPE
nvidia-cuda-mps-control -d || exit 1
echo started
cat > /dev/null
echo quit -t 3 | nvidia-cuda-mps-control
rm -rf "$CUDA_MPS_PIPE_DIRECTORY"
`;
const startLimitMs = 10_000;
/** How much of what it says is kept to explain its end. */
const keptWords = 300;

/** One for all engines of this process: the kernels of different daemons' clients take turns, too. */
let own: Promise<string> | undefined;

/**
 * A control daemon of CUDA's Multi-Process Service for the instances of this process, with which it
 * ends, however it ends. Without one, the GPU gives processes slices of time, one after the other
 * (NVIDIA's MPS documentation).
 *
 * @returns what an instance's environment needs to find it
 * @throws DnnScalerError `unavailable` when it cannot be started
 */
export async function ownMps(): Promise<Readonly<Record<string, string>>> {
  own ??= start(() => (own = undefined));
  return environmentOf(await own);
}

function environmentOf(folder: string): Readonly<Record<string, string>> {
  return { CUDA_MPS_PIPE_DIRECTORY: folder, CUDA_MPS_LOG_DIRECTORY: folder };
}

async function start(onEnd: () => void): Promise<string> {
  try {
    // The names of the sockets in it must stay short.
    const folder = await mkdtemp(join(tmpdir(), 'dnnscaler-mps-'));
    const child = await startIn(folder);
    child.on('exit', onEnd);
    return folder;
  } catch (thrown) {
    onEnd();
    throw thrown;
  }
}

function startIn(folder: string): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', script], {
      env: { ...daemonEnvironment(process.env), ...environmentOf(folder) },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C in a terminal reaches the whole process group; instances still need the daemon then.
      detached: true,
    });
    // It is no reason for this process to stay, once what is awaited here has come.
    const letGo = (): void => {
      systemClock.clearTimer(timer);
      for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
        (handle as ChildProcess | Socket).unref();
      }
    };
    let words = '';
    const fail = (how: string): void => {
      letGo();
      // A daemon that comes up late is ended by its script, which also removes the folder.
      child.stdin.end();
      const said = words.trim() === '' ? '' : `, saying "${words.trim()}"`;
      reject(new DnnScalerError('unavailable', `nvidia-cuda-mps-control ${how}${said}`));
    };
    const timer = systemClock.setTimer(startLimitMs, () => fail('did not answer'));
    child.on('error', (error) => fail(`cannot be started: ${error.message}`));
    child.on('close', (code) => {
      fail(`ended with code ${code}`);
      void rm(folder, { recursive: true, force: true });
    });
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-keptWords);
    });
    child.stdout.setEncoding('utf8').once('data', () => {
      letGo();
      resolve(child);
    });
  });
}

/**
 * The daemon offers all GPUs: one that sees some would number them anew, and instances which name theirs
 * by this process's numbers would ask for another (NVIDIA's MPS documentation, CUDA_VISIBLE_DEVICES).
 */
function daemonEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { CUDA_VISIBLE_DEVICES: _, ...others } = environment;
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', ...others };
}
