import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import { entryFile } from './entry-file.ts';
import { framesFd } from './frames.ts';
import { openInbox } from './inbox.ts';
import type { Link, LinkListener } from './link.ts';
import { Outbox } from './outbox.ts';
import type { FromInstance, ToInstance } from './protocol.ts';
import { SharedFile, sharesFile } from './shared-file.ts';

/** How much of what an instance last said on standard error is kept to explain its end. */
const keptStderrChars = 500;

/**
 * Starts a process instance. Messages travel as frames on a socket pair: node's own IPC channel
 * takes about five times as long for a batch of images, most of it in this process. Large payloads
 * travel through a shared file, where there can be one.
 *
 * @param environment variables that it gets beside those of this process
 * @throws DnnScalerError `unavailable` when the entry point has not been built
 */
export function openProcessLink(
  listener: LinkListener,
  environment: Readonly<Record<string, string>> = {},
): Link {
  const entry = [fileURLToPath(entryFile('process-entry'))];
  const file = SharedFile.open();
  const child = startChild(file === undefined ? entry : [...entry, sharesFile], environment, file);
  const socket = child.stdio[framesFd] as Duplex;
  const outbox = new Outbox<ToInstance>(socket, file, 'engine');
  /** Buffers of the runs that have not been answered, in their order; undefined for pieces. */
  const inFlight: (ArrayBuffer | undefined)[] = [];
  let lastWords = '';
  let gone = false;

  const reader = openInbox<FromInstance>({
    file,
    allocate: (bytes) => new ArrayBuffer(bytes),
    onMessage: (message, payload) => {
      const answersRun = message.kind === 'ran' || message.kind === 'run-failed';
      const returned = answersRun ? inFlight.shift() : undefined;
      try {
        listener.onMessage(message, payload, returned);
      } catch (error) {
        // Not a fault of the reading, which goes on.
        process.nextTick(() => {
          throw error;
        });
      }
    },
  });
  const end = (how: string): void => {
    if (gone) return;
    gone = true;
    outbox.close();
    file?.close();
    const words = withoutStack(lastWords);
    listener.onGone(words === '' ? how : `${how}, saying "${words}"`);
  };

  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-keptStderrChars);
  });
  child.on('error', (error) => {
    if (child.pid === undefined) end(`its process could not be started: ${error.message}`);
  });
  // `close` comes after `exit`, when everything that the child wrote has been read.
  child.on('close', (code, signal) => {
    end(signal === null ? `its process ended with code ${code}` : `its process died of ${signal}`);
  });
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch (error) {
      // What follows would be read out of step.
      lastWords = toDnnScalerError(error).message;
      socket.removeAllListeners('data').resume();
      child.kill('SIGKILL');
    }
  });
  // A broken pipe means that the child has ended, which its own event tells with the reason.
  socket.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  return {
    pid: child.pid,
    post(message, payload) {
      if (message.kind === 'run') {
        inFlight.push(payload !== undefined && 'buffer' in payload ? payload.buffer : undefined);
      }
      outbox.post(message, payload, inFlight.length > 1);
    },
    giveUp() {
      child.kill('SIGKILL');
      return true;
    },
  };
}

/** @throws Error when there are not even the descriptors for it */
function startChild(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  file: SharedFile | undefined,
): ChildProcess {
  try {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...environment },
      // Standard input is the leash of parent-watch.ts; standard output is not the child's to use.
      stdio: ['overlapped', 'ignore', 'pipe', 'overlapped', file?.fd ?? 'ignore'],
      windowsHide: true,
    });
    if ((child.stdio as ChildProcess['stdio'] | undefined)?.[framesFd] instanceof Socket)
      return child;
    child.on('error', () => undefined);
    throw new DnnScalerError(
      'resource-exhausted',
      'no process can be started: too many open files',
    );
  } catch (error) {
    file?.close();
    throw error;
  }
}

/** What a dying process said, as one line for people. */
function withoutStack(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^at |^Node\.js v/.test(line)).join(' ');
}
