/** A client that takes as little of the machine as it can, since it shares it with what is measured. */
import { connect } from 'node:net';
import { systemClock } from '../../src/clock.ts';
import { toInferMessage } from '../../src/oip/client/infer-messages.ts';
import type { WireTensor } from '../../src/oip/tensor.ts';

/** An inference request as it goes over the wire. */
export function requestBytes(model: string, inputs: readonly WireTensor[]): Buffer {
  const { body, headers } = toInferMessage({ inputs }, 'binary');
  return postBytes(model, headers, Buffer.from(body));
}

/** The same with any body. */
export function postBytes(
  model: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head =
    `POST /v2/models/${model}/infer HTTP/1.1\r\nhost: localhost\r\n` +
    `content-length: ${body.byteLength}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** Requests are under way this long before any counts: none runs at first, then all come at once. */
const leadMs = 1000;

/**
 * Keeps so many requests under way for a while, each on a connection of its own; answers a second,
 * from the last one before the while to the last one in it, so that neither the start nor the end,
 * when fewer are under way, is part of it.
 */
export async function answeredPerS(
  url: string,
  requests: readonly Buffer[],
  inFlight: number,
  durationMs: number,
): Promise<number> {
  const startMs = systemClock.nowMs();
  let answered = 0;
  let first: { answered: number; atMs: number } | undefined;
  let last: typeof first;
  const count = (): void => {
    const atMs = systemClock.nowMs();
    answered += 1;
    if (atMs <= startMs + leadMs) first = { answered, atMs };
    else if (atMs <= startMs + leadMs + durationMs) last = { answered, atMs };
  };
  const loops = Array.from({ length: inFlight }, async (_, own) => {
    const connection = await openConnection(url);
    try {
      for (let i = own; systemClock.nowMs() < startMs + leadMs + durationMs; i += inFlight) {
        await connection.ask(requests[i % requests.length] as Buffer);
        count();
      }
    } finally {
      connection.close();
    }
  });
  await Promise.all(loops);
  if (first === undefined || last === undefined) {
    throw new Error(`${answered} answers in ${durationMs} ms are too few for a rate`);
  }
  return (1000 * (last.answered - first.answered)) / (last.atMs - first.atMs);
}

/** One connection, one request at a time. */
export interface Connection {
  /** Sends a request and waits for the whole of its answer. */
  ask(request: Buffer): Promise<void>;
  close(): void;
}

export function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let head = '';
  /** Bytes of the answer still to come, once its length is known. */
  let left = Number.NaN;
  let waiting: { resolve(): void; reject(error: Error): void } | undefined;
  let fault: Error | undefined;
  const fail = (error: Error): void => {
    fault ??= error;
    waiting?.reject(fault);
    socket.destroy();
  };
  socket.on('error', fail).on('close', () => fail(new Error('the server closed the connection')));
  socket.on('data', (chunk: Buffer) => {
    if (Number.isNaN(left)) {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
        fail(new Error(head.slice(0, 500)));
        return;
      }
      left = Number(length) - (head.length - end - 4);
    } else {
      left -= chunk.length;
    }
    if (left > 0) return;
    head = '';
    left = Number.NaN;
    waiting?.resolve();
  });
  return new Promise((opened, refused) => {
    socket.once('error', refused).once('connect', () => {
      opened({
        ask: (request) =>
          new Promise((resolve, reject) => {
            waiting = { resolve, reject };
            if (fault === undefined) socket.write(request);
            else reject(fault);
          }),
        close: () => socket.destroy(),
      });
    });
  });
}
