import { Worker } from 'node:worker_threads';
import { DnnScalerError } from '../../errors.ts';
import { entryFile } from './entry-file.ts';
import type { Link, LinkListener } from './link.ts';
import type { FromInstance, PackedTensor } from './protocol.ts';
import { liesTheSame } from './thread-messages.ts';
import type { FromThread, ToThread } from './thread-messages.ts';

/**
 * Starts a thread instance. Buffers are transferred there and back, never copied.
 *
 * The thread is never terminated: doing that inside a run, or while a model loads, aborts the whole
 * process. It ends by itself when its port closes.
 *
 * @throws DnnScalerError `unavailable` when the entry point has not been built
 */
export function openThreadLink(listener: LinkListener): Link {
  // Loaders and flags of this process are not meant for the compiled entry point.
  const worker = new Worker(entryFile('thread-entry'), {
    execArgv: [],
    name: 'dnnscaler instance',
  });
  let how: string | undefined;
  let sent: readonly PackedTensor[] = [];
  let received: readonly PackedTensor[] = [];
  worker.on('message', ({ message, runMs = 0, payload, returned }: FromThread) => {
    const whole: FromInstance = message ?? { kind: 'ran', tensors: received, runMs };
    if (whole.kind === 'ran') received = whole.tensors;
    listener.onMessage(whole, payload, returned);
  });
  worker.on('error', (error) => {
    how = `its thread threw "${error instanceof Error ? error.message : String(error)}"`;
  });
  worker.on('exit', (code) => listener.onGone(how ?? `its thread ended with code ${code}`));
  return {
    pid: undefined,
    post(message, payload) {
      if (payload !== undefined && 'pieces' in payload) {
        throw new DnnScalerError('internal', 'to a thread a batch goes in one buffer');
      }
      if (payload === undefined) {
        worker.postMessage({ message } satisfies ToThread);
        return;
      }
      const { buffer } = payload;
      const tensors = message.kind === 'run' ? message.tensors : [];
      const posted: ToThread = liesTheSame(tensors, sent)
        ? { payload: buffer }
        : { message, payload: buffer };
      sent = tensors;
      worker.postMessage(posted, [buffer]);
    },
    giveUp() {
      worker.unref();
      return false;
    },
  };
}
