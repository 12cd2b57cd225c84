/** What a thread instance executes. */
import { parentPort } from 'node:worker_threads';
import { serveInstance } from './serve-instance.ts';
import { LastLayout } from './thread-messages.ts';
import type { FromThread, ToThread } from './thread-messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry point of a worker thread');

const sent = new LastLayout();
const received = new LastLayout();

const receive = serveInstance({
  post(message, output, returned) {
    const payload = output?.buffer;
    const buffers = [payload, returned].filter((buffer) => buffer !== undefined);
    const post = (posted: FromThread): void => port.postMessage(posted, buffers);
    if (message.kind !== 'ran') post({ message, payload, returned });
    else if (sent.equals(message.tensors)) post({ runMs: message.runMs, payload, returned });
    else {
      post({ message, payload, returned });
      sent.remember(message.tensors);
    }
  },
  flushed: () => undefined,
  end: () => port.close(),
});

port.on('message', ({ message, payload }: ToThread) => {
  if (message?.kind === 'run') received.remember(message.tensors);
  receive(message ?? { kind: 'run', tensors: received.tensors }, payload);
});
