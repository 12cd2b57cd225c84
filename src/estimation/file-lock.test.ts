import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../clock.ts';
import { withFileLock } from './file-lock.ts';

const clock = systemClock;
let dir: string;
let lock: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'dnnscaler-lock-'));
  lock = path.join(dir, 'file.lock');
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** The id of a process that has just ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid as number;
}

describe('withFileLock', () => {
  it('lets one in at a time, and leaves nothing behind', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await sleep(2);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => withFileLock(lock, { clock }, work)));
    expect(most).toBe(1);
    expect(await readdir(dir)).toEqual([]);
  });

  it('frees the lock when the work fails', async () => {
    const failing = withFileLock(lock, { clock }, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await readdir(dir)).toEqual([]);
  });

  it('breaks the lock of a process that is gone, at once', async () => {
    await writeFile(lock, JSON.stringify({ pid: await deadPid(), host: hostname(), id: 'x' }));
    const options = { clock, waitMs: 0, staleMs: 3_600_000 };
    expect(await withFileLock(lock, options, () => Promise.resolve('in'))).toBe('in');
  });

  it('breaks a lock that is too old, whoever made it', async () => {
    await writeFile(lock, 'half a tok');
    const longAgo = new Date('2020-01-01');
    await utimes(lock, longAgo, longAgo);
    expect(await withFileLock(lock, { clock, waitMs: 0 }, () => Promise.resolve('in'))).toBe('in');
  });

  it('gives up on a live lock in time, and leaves it alone', async () => {
    const theirs = JSON.stringify({ pid: process.pid, host: hostname(), id: 'theirs' });
    await writeFile(lock, theirs);
    const waiting = withFileLock(lock, { clock, waitMs: 30 }, () => Promise.resolve('in'));
    await expect(waiting).rejects.toThrow(/was not free within 30 ms/);
    expect(await readFile(lock, 'utf8')).toBe(theirs);
  });

  it('tells an owner that was taken for dead, and keeps its hands off the next lock', async () => {
    await withFileLock(lock, { clock }, async (stillHeld) => {
      expect(await stillHeld()).toBe(true);
      await writeFile(lock, 'the next owner');
      expect(await stillHeld()).toBe(false);
    });
    expect(await readFile(lock, 'utf8')).toBe('the next owner');
  });
});
