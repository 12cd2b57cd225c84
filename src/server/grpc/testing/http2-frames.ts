import { connect } from 'node:net';
import type { Socket } from 'node:net';

/*
 * HTTP/2 by hand, to send what no client would. Frames as in RFC 9113, headers as literals without
 * Huffman coding as in RFC 7541.
 */

export const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
} as const;
export const endStream = 1;
const endHeaders = 4;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const settings = frame(frameType.settings, 0, 0, Buffer.alloc(0));
/** Of what a client got: `SETTINGS` of the server. */
export const settingsAck = frame(frameType.settings, 1, 0, Buffer.alloc(0));

export function headers(
  stream: number,
  path: string,
  more: Readonly<Record<string, string>> = {},
): Buffer {
  const all = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    te: 'trailers',
    'content-type': 'application/grpc',
    ...more,
  };
  const fields = Object.entries(all).map(([name, value]) =>
    Buffer.concat([Buffer.from([0x10]), text(name), text(value)]),
  );
  return frame(frameType.headers, endHeaders, stream, Buffer.concat(fields));
}

/** A string of fewer than 127 bytes. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

/** A gRPC message in one DATA frame. */
export function message(
  stream: number,
  bytes: Uint8Array,
  flags = 0,
  isCompressed = false,
): Buffer {
  const head = Buffer.alloc(5);
  head[0] = isCompressed ? 1 : 0;
  head.writeUInt32BE(bytes.byteLength, 1);
  return frame(frameType.data, flags, stream, Buffer.concat([head, bytes]));
}

export function reset(stream: number): Buffer {
  return frame(frameType.reset, 0, stream, Buffer.from([0, 0, 0, 8]));
}

export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      socket.resume();
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** Resolves when the connection has closed. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
