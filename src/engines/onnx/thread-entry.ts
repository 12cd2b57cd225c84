/** What a thread instance executes. */
import { parentPort } from 'node:worker_threads';
import type { FromInstance, ToInstance } from './protocol.ts';
import { serveInstance } from './serve-instance.ts';

/** What the engine's side of a thread posts. */
export interface ToThread {
  readonly message: ToInstance;
  readonly payload?: ArrayBuffer;
}

/** What a thread posts. */
export interface FromThread {
  readonly message: FromInstance;
  readonly payload?: ArrayBuffer;
  readonly returned?: ArrayBuffer;
}

const port = parentPort;
if (port === null) throw new Error('this file is the entry point of a worker thread');

const receive = serveInstance({
  post(message, payload, returned) {
    const buffers = [payload?.buffer, returned].filter((buffer) => buffer !== undefined);
    port.postMessage({ message, payload: payload?.buffer, returned }, buffers);
  },
  flushed: () => undefined,
  end: () => port.close(),
});

port.on('message', ({ message, payload }: ToThread) => receive(message, payload));
