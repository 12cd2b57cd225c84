import { Worker } from 'node:worker_threads';
import { DnnScalerError } from '../../errors.ts';
import { entryFile } from './entry-file.ts';
import type { Link, LinkListener } from './link.ts';
import { LastLayout } from './thread-messages.ts';
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
  const sent = new LastLayout();
  const received = new LastLayout();
  worker.on('message', (posted: FromThread) => {
    const { message, payload, returned } = posted;
    if (message === undefined) {
      const { tensors } = received;
      listener.onMessage({ kind: 'ran', tensors, runMs: posted.runMs }, payload, returned);
      return;
    }
    if (message.kind === 'ran') received.remember(message.tensors);
    listener.onMessage(message, payload, returned);
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
      const post = (posted: ToThread): void => worker.postMessage(posted, [buffer]);
      if (message.kind !== 'run') post({ message, payload: buffer });
      else if (sent.equals(message.tensors)) post({ payload: buffer });
      else {
        post({ message, payload: buffer });
        sent.remember(message.tensors);
      }
    },
    giveUp() {
      worker.unref();
      return false;
    },
  };
}
