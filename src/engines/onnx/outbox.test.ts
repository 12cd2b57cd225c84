import { mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FrameReader } from './frames.ts';
import { Outbox } from './outbox.ts';
import type { Framed, ToInstance } from './protocol.ts';
import { SharedFile } from './shared-file.ts';

const kib = 1024;
let folder: string;
let file: SharedFile;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-outbox-'));
  file = new SharedFile(openSync(join(folder, 'shared'), 'wx+'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Received {
  readonly by: 'socket' | 'file';
  readonly bytes: Uint8Array;
}

/** What arrives at the other end of the socket, read as a process would. */
function listenTo(socket: PassThrough): Received[] {
  const received: Received[] = [];
  const reader = new FrameReader<Framed<ToInstance>>({
    allocate: (bytes) => new ArrayBuffer(bytes),
    onFrame: ({ stored }, payload) => {
      if (stored === undefined) {
        received.push({ by: 'socket', bytes: new Uint8Array(payload) });
        return;
      }
      const bytes = new Uint8Array(stored.bytes);
      readSync(file.fd, bytes, 0, stored.bytes, stored.position);
      received.push({ by: 'file', bytes });
    },
  });
  socket.on('data', (chunk: Buffer) => reader.push(chunk));
  return received;
}

function rowsOf(values: readonly number[], bytes: number) {
  const pieces = values.map((value) => new Uint8Array(bytes).fill(value));
  return { pieces, usedBytes: bytes * values.length };
}

const run = { kind: 'run', tensors: [] } as const;
const brief = ({ by, bytes }: Received): string =>
  `${by} ${bytes[0]} ${bytes.at(-1)} ${bytes.length}`;

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

describe('Outbox', () => {
  it('puts large payloads into the file, and keeps the order of all', async () => {
    const socket = new PassThrough({ highWaterMark: 2 ** 30 });
    const received = listenTo(socket);
    const outbox = new Outbox<ToInstance>(socket, file, 'engine');
    outbox.post(run, rowsOf([1, 2, 3], 4096 * kib)); // written by another thread
    outbox.post(run, rowsOf([4, 5], 64 * kib)); // written at once, and yet second
    outbox.post(run, rowsOf([6, 7], 1 * kib));
    await until(() => received.length === 3);
    expect(received.map(brief)).toEqual([
      `file 1 3 ${3 * 4096 * kib}`,
      `file 4 5 ${128 * kib}`,
      `socket 6 7 ${2 * kib}`,
    ]);
    outbox.close();
  });

  it('leaves a payload alone until the next but one is put', async () => {
    const socket = new PassThrough({ highWaterMark: 2 ** 30 });
    const stored: Framed<ToInstance>['stored'][] = [];
    const reader = new FrameReader<Framed<ToInstance>>({
      allocate: (bytes) => new ArrayBuffer(bytes),
      onFrame: (message) => stored.push(message.stored),
    });
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    const outbox = new Outbox<ToInstance>(socket, file, 'engine');
    for (const value of [1, 2, 3]) outbox.post(run, rowsOf([value], 200 * kib));
    const back = new Outbox<ToInstance>(socket, file, 'instance');
    for (const value of [4, 5]) back.post(run, rowsOf([value], 200 * kib));
    await until(() => stored.length === 5);
    const [first, second, third, ...others] = stored.map((place) => place?.position);
    expect(third).toBe(first);
    const places = [first, second, ...others].toSorted((a, b) => Number(a) - Number(b)) as number[];
    for (let i = 1; i < places.length; i += 1) {
      expect((places[i] as number) - (places[i - 1] as number)).toBeGreaterThan(2 ** 33);
    }
    outbox.close();
  });

  it('sends everything on the socket where nothing can be stored', async () => {
    const socket = new PassThrough({ highWaterMark: 2 ** 30 });
    const received = listenTo(socket);
    const path = join(folder, 'unwritable');
    writeFileSync(path, '');
    for (const bytes of [200 * kib, 2048 * kib]) {
      const outbox = new Outbox<ToInstance>(socket, new SharedFile(openSync(path, 'r')), 'engine');
      const before = received.length;
      outbox.post(run, rowsOf([1, 2, 3], bytes));
      outbox.post(run, rowsOf([4], 200 * kib));
      await until(() => received.length === before + 2);
      expect(received.slice(before).map(brief)).toEqual([
        `socket 1 3 ${3 * bytes}`,
        `socket 4 4 ${200 * kib}`,
      ]);
      outbox.close();
    }
    new Outbox<ToInstance>(socket, undefined, 'engine').post(run, rowsOf([5], 200 * kib));
    await until(() => received.length === 5);
    expect(received.slice(4).map(brief)).toEqual([`socket 5 5 ${200 * kib}`]);
  });

  it('lets what is being written end before the file goes', async () => {
    const socket = new PassThrough({ highWaterMark: 2 ** 30 });
    const outbox = new Outbox<ToInstance>(socket, file, 'engine');
    outbox.post(run, rowsOf([1, 2, 3, 4, 5, 6, 7, 8], 2048 * kib));
    outbox.close();
    file.close();
    expect(() => readSync(file.fd, new Uint8Array(1), 0, 1, 0)).not.toThrow();
    await until(() => {
      try {
        readSync(file.fd, new Uint8Array(1), 0, 1, 0);
        return false;
      } catch {
        return true;
      }
    });
  });
});
