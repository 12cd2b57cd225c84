/**
 * One server in a process of its own, so that its CPU time is its alone. Started with the kind as
 * its argument; says where it listens, and on demand the CPU time it has used.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { DataPlane, InferRequest } from '../../src/oip/data-plane.ts';
import { startGrpcServer } from '../../src/server/grpc/index.ts';
import { startHttpServer } from '../../src/server/http/index.ts';

/** Answers every request with its own first tensor: what is left is the protocol's work. */
const echoPlane = {
  isLive: () => true,
  isReady: () => true,
  infer(request: InferRequest, _context: unknown, done: Parameters<DataPlane['infer']>[2]) {
    const { modelName, inputs } = request;
    const [input] = inputs;
    done(null, {
      modelName,
      modelVersion: '1',
      outputs: input === undefined ? [] : [{ ...input, name: 'y' }],
    });
    return () => undefined;
  },
} as Partial<DataPlane> as DataPlane;

const limits = { maxBodyBytes: 2 ** 26 };

const kinds: Record<string, () => Promise<number>> = {
  'our http': async () => (await startHttpServer(echoPlane, { port: 0, limits })).port,
  'our grpc': async () => (await startGrpcServer(echoPlane, { port: 0 })).port,
  'bare http': () =>
    new Promise((resolve) => {
      const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => response.end(Buffer.concat(chunks)));
      });
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    }),
  'bare grpc': () =>
    new Promise((resolve, reject) => {
      const maxBytes = 2 ** 26;
      const server = new Server({
        'grpc.max_receive_message_length': maxBytes,
        'grpc.max_send_message_length': maxBytes,
      });
      const same = (bytes: Buffer): Buffer => bytes;
      const echo = {
        path: '/inference.GRPCInferenceService/ModelInfer',
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      };
      server.addService(
        { echo },
        {
          echo: (call: { request: Buffer }, answer: (error: null, bytes: Buffer) => void): void => {
            answer(null, call.request);
          },
        },
      );
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    }),
};

const kind = kinds[process.argv[2] ?? ''];
if (kind === undefined) throw new Error(`the kind must be one of ${Object.keys(kinds).join(', ')}`);
const port = await kind();
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on('disconnect', () => process.exit());
process.send?.({ port });
