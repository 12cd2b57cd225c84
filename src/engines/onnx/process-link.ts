import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { entryFile } from './entry-file.ts';
import { FrameReader, framesFd } from './frames.ts';
import type { Link, LinkListener } from './link.ts';
import { Outbox } from './outbox.ts';
import type { Framed, FromInstance, StoredPayload, ToInstance } from './protocol.ts';
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
  const file = SharedFile.open();
  const entry = [fileURLToPath(entryFile('process-entry'))];
  const child = spawn(process.execPath, file === undefined ? entry : [...entry, sharesFile], {
    env: { ...process.env, ...environment },
    // Standard input is the leash of parent-watch.ts; standard output is not the child's to use.
    stdio: ['overlapped', 'ignore', 'pipe', 'overlapped', file?.fd ?? 'ignore'],
    windowsHide: true,
  });
  const socket = child.stdio[framesFd] as Duplex;
  const outbox = new Outbox<ToInstance>(socket, file, 'engine');
  /** Buffers of the runs that have not been answered, in their order; undefined for pieces. */
  const inFlight: (ArrayBuffer | undefined)[] = [];
  let lastWords = '';
  let gone = false;

  const fetch = (stored: StoredPayload): ArrayBuffer => {
    const place = new ArrayBuffer(stored.bytes);
    file?.read(stored, place);
    return place;
  };
  const reader = new FrameReader<Framed<FromInstance>>({
    allocate: (bytes) => new ArrayBuffer(bytes),
    onFrame: ({ stored, ...message }, followed) => {
      const payload = stored === undefined ? followed : fetch(stored);
      const answersRun = message.kind === 'ran' || message.kind === 'run-failed';
      listener.onMessage(message, payload, answersRun ? inFlight.shift() : undefined);
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
  socket.on('data', (chunk: Buffer) => reader.push(chunk));
  // A broken pipe means that the child has ended, which its own event tells with the reason.
  socket.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  return {
    pid: child.pid,
    post(message, payload) {
      if (message.kind === 'run') {
        inFlight.push(payload !== undefined && 'buffer' in payload ? payload.buffer : undefined);
      }
      outbox.post(message, payload);
    },
    giveUp() {
      child.kill('SIGKILL');
      return true;
    },
  };
}

/** What a dying process said, as one line for people. */
function withoutStack(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^at |^Node\.js v/.test(line)).join(' ');
}
