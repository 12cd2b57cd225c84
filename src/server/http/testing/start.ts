import { afterEach } from 'vitest';
import type { HttpServerOptions } from '../options.ts';
import type { HttpServer } from '../server.ts';
import { startHttpServer } from '../server.ts';
import { FakeDataPlane } from './fake-data-plane.ts';

const running = new Set<HttpServer>();

afterEach(async () => {
  await Promise.all([...running].map((server) => server.stop(0)));
  running.clear();
});

/** Starts a server on a free port, which is stopped after the test. */
export async function start(
  options: HttpServerOptions = {},
): Promise<{ plane: FakeDataPlane; server: HttpServer }> {
  const plane = new FakeDataPlane();
  const server = await startHttpServer(plane, { port: 0, ...options });
  running.add(server);
  return { plane, server };
}

/** An inference request with one FP32 input of these values, for model `echo`. */
export function echoBody(...values: number[]): string {
  const input = { name: 'x', datatype: 'FP32', shape: [values.length], data: values };
  return JSON.stringify({ inputs: [input] });
}

/** The text of a raw HTTP request. */
export function rawPost(path: string, body: string, ...headers: string[]): string {
  const lines = [`POST ${path} HTTP/1.1`, 'host: localhost', `content-length: ${body.length}`];
  return `${[...lines, ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** Waits until something has come true. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}
