import type { Socket } from 'node:net';
import { connect } from 'node:net';

/** What one connection received until the server closed it. */
export interface Received {
  readonly text: string;
  /** Whether the server ended it without a reset. */
  readonly isClean: boolean;
}

/** Opens a connection, without a word of HTTP said. */
export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', ignore);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function ignore(): void {
  // The test looks at what arrived, and at whether the connection was closed.
}

/** Everything that arrives until the connection has closed. */
export function receiveAll(socket: Socket): Promise<Received> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let isClean = true;
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', () => (isClean = false));
    socket.on('close', () => resolve({ text: Buffer.concat(chunks).toString('latin1'), isClean }));
  });
}

/** Resolves when the connection has received `wanted`; rejects when it closes before. */
export function receiveUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes(wanted)) resolve(text);
    });
    socket.on('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
}

/** Sends bytes on a connection of their own and waits until the server closes it. */
export async function sendRaw(port: number, bytes: string | Uint8Array): Promise<Received> {
  const socket = await openSocket(port);
  const received = receiveAll(socket);
  socket.write(bytes);
  return received;
}
