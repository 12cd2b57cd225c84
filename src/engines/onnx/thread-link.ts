import { Worker } from 'node:worker_threads';
import { DnnScalerError } from '../../errors.ts';
import { entryFile } from './entry-file.ts';
import type { Link, LinkListener } from './link.ts';
import type { FromThread, ToThread } from './thread-entry.ts';

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
  worker.on('message', ({ message, payload, returned }: FromThread) => {
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
      const posted: ToThread =
        payload === undefined ? { message } : { message, payload: payload.buffer };
      worker.postMessage(posted, payload === undefined ? [] : [payload.buffer]);
    },
    giveUp() {
      worker.unref();
      return false;
    },
  };
}
