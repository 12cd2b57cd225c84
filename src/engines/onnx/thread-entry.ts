/** What a thread instance executes. */
import { parentPort } from 'node:worker_threads';
import type { PackedTensor, ToInstance } from './protocol.ts';
import { serveInstance } from './serve-instance.ts';
import { liesTheSame } from './thread-messages.ts';
import type { FromThread, ToThread } from './thread-messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry point of a worker thread');

let sent: readonly PackedTensor[] = [];
let received: readonly PackedTensor[] = [];

const receive = serveInstance({
  post(message, payload, returned) {
    const buffers = [payload?.buffer, returned].filter((buffer) => buffer !== undefined);
    const buffer = payload?.buffer;
    let posted: FromThread = { message, payload: buffer, returned };
    if (message.kind === 'ran') {
      const { tensors, runMs } = message;
      if (liesTheSame(tensors, sent)) posted = { runMs, payload: buffer, returned };
      sent = tensors;
    }
    port.postMessage(posted, buffers);
  },
  flushed: () => undefined,
  end: () => port.close(),
});

port.on('message', ({ message, payload }: ToThread) => {
  const whole: ToInstance = message ?? { kind: 'run', tensors: received };
  if (whole.kind === 'run') received = whole.tensors;
  receive(whole, payload);
});
