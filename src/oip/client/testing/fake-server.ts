import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TensorMetadata } from '../../data-plane.ts';

/** One inference request as it came, counted from 0. */
export interface ReceivedRequest {
  readonly index: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface FakeServerOptions {
  /** By path: bodies of GET requests, sent as JSON; the model `m` and the health routes are there. */
  readonly documents?: Readonly<Record<string, unknown>>;
  readonly inputs?: readonly TensorMetadata[];
  /** Answers an inference request, at once or later; by default with `goodAnswer`. */
  readonly infer?: (request: ReceivedRequest, response: ServerResponse) => void;
}

export const goodAnswer = JSON.stringify({
  model_name: 'm',
  outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [0.5, 1] }],
});

/** A small server of the protocol's HTTP form, in the manner that a test asks for. */
export class FakeServer {
  readonly url: string;
  /** Inference requests so far. */
  received = 0;
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(options: FakeServerOptions = {}): Promise<FakeServer> {
    const { infer = answerWell } = options;
    const documents: Readonly<Record<string, unknown>> = {
      '/v2': { name: 'fake', version: '1.0', extensions: ['binary_tensor_data'] },
      '/v2/health/live': {},
      '/v2/health/ready': {},
      '/v2/models/m': {
        name: 'm',
        versions: ['1'],
        platform: 'fake',
        inputs: options.inputs ?? [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
      },
      '/v2/models/m/ready': {},
      ...options.documents,
    };
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url: path = '', headers, method } = request;
        response.setHeader('content-type', 'application/json');
        if (method === 'POST') {
          const index = fake.received;
          fake.received += 1;
          infer({ index, path, headers, body: Buffer.concat(chunks) }, response);
        } else if (documents[path] === undefined) {
          fail(response, 404, `no ${path} here`);
        } else {
          response.end(JSON.stringify(documents[path]));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeServer(server);
    return fake;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }
}

function answerWell(_request: ReceivedRequest, response: ServerResponse): void {
  response.end(goodAnswer);
}

/** Answers with an error as the protocol has them. */
export function fail(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status);
  response.end(JSON.stringify({ error }));
}
