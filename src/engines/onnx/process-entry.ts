/** What a process instance executes. */
import { Socket } from 'node:net';
import type { ConnectOpts, SocketConstructorOpts } from 'node:net';
import { Worker } from 'node:worker_threads';
import { letHeapGrow } from '../heap-growth.ts';
import { entryFile } from './entry-file.ts';
import { framesFd } from './frames.ts';
import { openInbox } from './inbox.ts';
import { Outbox } from './outbox.ts';
import { mostRuns } from './protocol.ts';
import type { FromInstance, ToInstance } from './protocol.ts';
import { serveInstance } from './serve-instance.ts';
import { SharedFile, sharedFileFd, sharesFile } from './shared-file.ts';

// Ctrl-C in a terminal reaches the whole process group, and so do the signals of many supervisors.
// The engine drains its instances; one that died of the same signal would lose its batch.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

letHeapGrow();
new Worker(entryFile('parent-watch'));

/** Everything is written at once: another thread would be no faster, as this one waits for it. */
const file =
  process.argv[2] === sharesFile
    ? new SharedFile(sharedFileFd, Number.POSITIVE_INFINITY)
    : undefined;

/** Inputs of the batch that runs and of the one that waits: used in turn. */
const inputs = new Array<ArrayBuffer>(mostRuns).fill(new ArrayBuffer(0));
let turn = 0;

const reader = openInbox<ToInstance>({
  file,
  allocate: placeFor,
  onMessage: (message, payload) => receive(message, payload),
});

function placeFor(bytes: number): ArrayBuffer {
  if (bytes === 0) return new ArrayBuffer(0);
  turn = (turn + 1) % mostRuns;
  if ((inputs[turn] as ArrayBuffer).byteLength < bytes) inputs[turn] = new ArrayBuffer(bytes);
  return inputs[turn] as ArrayBuffer;
}

// Node 20's types lack `onread` here, its sockets do not.
const socketOptions: SocketConstructorOpts & ConnectOpts = {
  fd: framesFd,
  readable: true,
  writable: true,
  onread: {
    buffer: () => reader.room(),
    callback: (bytes) => {
      reader.took(bytes);
      return true;
    },
  },
};
const socket = new Socket(socketOptions);
// The engine is gone; there is nobody left to tell.
socket.on('error', () => process.exit(1));

const outbox = new Outbox<FromInstance>(socket, file, 'instance');
const receive = serveInstance({
  post(message, payload) {
    outbox.post(message, payload);
  },
  flushed: () =>
    socket.writableLength === 0
      ? undefined
      : new Promise<void>((resolve) => void socket.write('', () => resolve())),
  end: () => socket.end(() => process.exit(0)),
});

socket.resume();
