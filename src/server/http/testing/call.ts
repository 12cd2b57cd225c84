import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { HttpServer } from '../server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  readonly json: unknown;
}

/** Like `fetch`, but sends no header that was not asked for. */
export function call(
  server: HttpServer,
  method: string,
  path: string,
  body?: string | Uint8Array,
  sentHeaders: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port: server.port, host: '127.0.0.1', method, path, headers: sentHeaders, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { statusCode = 0, headers } = response;
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString();
          const isJson = headers['content-type'] === 'application/json' && text !== '';
          const isPlain = headers['content-encoding'] === undefined;
          const json: unknown = isJson && isPlain ? JSON.parse(text) : undefined;
          resolve({ status: statusCode, headers, bytes, text, json });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
