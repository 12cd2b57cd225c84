/**
 * One server of the built package in a process of its own, so that its CPU time is its alone.
 * Started with the kind as its argument; says where it listens, and on demand the CPU time it has used.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { startGrpcServer } from '../../dist/server/grpc/index.js';
import { letHeapGrow } from '../../dist/engines/heap-growth.js';
import { startHttpServer } from '../../dist/server/http/index.js';

/** Answers every request with its own first tensor: what is left is the protocol's work. */
const echoPlane = {
  isLive: () => true,
  isReady: () => true,
  infer({ modelName, inputs: [input] }, _context, done) {
    const outputs = input === undefined ? [] : [{ ...input, name: 'y' }];
    done(null, { modelName, modelVersion: '1', outputs });
    return () => undefined;
  },
};

const maxBytes = 2 ** 26;

const kinds = {
  'our http': async () =>
    (await startHttpServer(echoPlane, { port: 0, limits: { maxBodyBytes: maxBytes } })).port,
  'our grpc': async () => (await startGrpcServer(echoPlane, { port: 0 })).port,
  'bare http': () =>
    new Promise((resolve) => {
      const server = createServer((request, response) => {
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => response.end(Buffer.concat(chunks)));
      });
      server.listen(0, '127.0.0.1', () => resolve(server.address().port));
    }),
  'bare grpc': () =>
    new Promise((resolve, reject) => {
      const server = new Server({
        'grpc.max_receive_message_length': maxBytes,
        'grpc.max_send_message_length': maxBytes,
      });
      const same = (bytes) => bytes;
      const echo = {
        path: '/inference.GRPCInferenceService/ModelInfer',
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      };
      server.addService({ echo }, { echo: (call, answer) => answer(null, call.request) });
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    }),
};

const kind = kinds[process.argv[2] ?? ''];
if (kind === undefined) throw new Error(`the kind must be one of ${Object.keys(kinds).join(', ')}`);
// As the command does.
if (process.argv[2]?.startsWith('our')) letHeapGrow();
const port = await kind();
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on('disconnect', () => process.exit());
process.send?.({ port });
