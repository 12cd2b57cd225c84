import { randomUUID } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import { sleep } from '../clock.ts';
import { DnnScalerError } from '../errors.ts';

export interface FileLockOptions {
  readonly clock: Clock;
  /** Age at which a lock is taken for left behind, in ms (default: 10,000). */
  readonly staleMs?: number;
  /** How long to wait for the lock, in ms (default: 30,000). */
  readonly waitMs?: number;
}

/** Answers whether the lock is still ours: it is not after someone took us for dead. */
export type StillHeld = () => Promise<boolean>;

const retryMs = 10;

/**
 * Runs `work` while holding a lock file, so that processes take turns. A lock whose process is gone,
 * or that is older than `staleMs`, is broken; since its owner may be alive after all and only slow,
 * `work` asks `stillHeld` before it does what cannot be undone.
 *
 * @throws DnnScalerError `unavailable` when the lock cannot be had in time; whatever `work` throws
 */
export async function withFileLock<T>(
  path: string,
  options: FileLockOptions,
  work: (stillHeld: StillHeld) => Promise<T>,
): Promise<T> {
  const token = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  await acquire(path, token, options);
  const stillHeld = async (): Promise<boolean> => (await contentOf(path)) === token;
  try {
    return await work(stillHeld);
  } finally {
    if (await stillHeld()) await unlinkIfThere(path);
  }
}

async function acquire(
  path: string,
  token: string,
  { clock, staleMs = 10_000, waitMs = 30_000 }: FileLockOptions,
): Promise<void> {
  const deadlineMs = clock.nowMs() + waitMs;
  while (!(await create(path, token))) {
    const seen = await contentOf(path);
    if (seen !== undefined && (await isStale(path, seen, staleMs, clock))) {
      await breakLock(path);
    } else if (clock.nowMs() >= deadlineMs) {
      throw new DnnScalerError(
        'unavailable',
        `the lock ${path} was not free within ${waitMs} ms; another process holds it`,
      );
    } else {
      await sleep(retryMs, clock);
    }
  }
}

async function create(path: string, token: string): Promise<boolean> {
  let file;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(token);
  } finally {
    await file.close();
  }
  return true;
}

async function isStale(
  path: string,
  token: string,
  staleMs: number,
  clock: Clock,
): Promise<boolean> {
  if (isOfDeadProcess(token)) return true;
  try {
    const { mtimeMs } = await stat(path);
    return clock.timeOfDayMs() - mtimeMs > staleMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** False when in doubt: another host's process, or a token not yet written. */
function isOfDeadProcess(token: string): boolean {
  let owner: { pid?: unknown; host?: unknown };
  try {
    owner = JSON.parse(token) as typeof owner;
  } catch {
    return false;
  }
  if (owner.host !== hostname() || typeof owner.pid !== 'number') return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** Moves the lock away before removing it, so that of several who break it one succeeds. */
async function breakLock(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  await unlinkIfThere(aside);
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
