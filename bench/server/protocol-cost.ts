/** CPU time that a server spends on a request before and after inference, against a bare echo. */
import { Client, credentials } from '@grpc/grpc-js';
import { loadInferencePackage } from '../../src/oip/grpc-definition.ts';
import { toInferMessage } from '../../src/oip/client/infer-messages.ts';
import type { WireTensor } from '../../src/oip/tensor.ts';
import { quantileOfSorted } from '../../src/telemetry/quantile.ts';
import { Pool } from 'undici';
import type { BenchReport } from '../harness.ts';
import { isMain, ratio, runBenches } from '../harness.ts';
import type { EchoServer } from './echo-server.ts';
import { startEcho } from './echo-server.ts';

const rounds = 100;
const requestsPerRound = 20;
/** Requests to each server before the first round: until then much of the time goes into compiling. */
const warmUpRequests = 6000;
const inFlight = 4;
const target = 1.5;

const bodies: readonly { readonly name: string; readonly tensor: WireTensor }[] = [
  {
    name: '600 KB FP32',
    tensor: { name: 'x', datatype: 'FP32', shape: [1, 150_528], data: new Float32Array(150_528) },
  },
  {
    name: '150 KB UINT8',
    tensor: { name: 'x', datatype: 'UINT8', shape: [1, 150_528], data: new Uint8Array(150_528) },
  },
];

interface Sender {
  send(): Promise<void>;
  close(): Promise<void>;
}

export async function protocolCost(): Promise<BenchReport> {
  const figures = [];
  for (const { name, tensor } of bodies) {
    for (const protocol of ['http', 'grpc'] as const) {
      const cost = await compare(protocol, tensor);
      figures.push({ body: name, protocol, ...cost, target });
    }
  }
  return {
    title: 'Server: CPU time of a request that is answered with its own tensor',
    about: `Against a bare node:http or grpc-js echo of the same bytes: lower quartiles of ${rounds} interleaved rounds of ${requestsPerRound} requests, as other work on the machine can only add to CPU time.`,
    columns: [
      { heading: 'body' },
      { heading: 'protocol' },
      { heading: 'bare', align: 'right' },
      { heading: 'ours', align: 'right' },
      { heading: 'ratio', align: 'right' },
      { heading: 'target', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.body,
      row.protocol,
      `${row.bareUs.toFixed(0)} us`,
      `${row.oursUs.toFixed(0)} us`,
      ratio(row.ratio),
      `at most ${ratio(row.target)}`,
    ]),
    figures,
  };
}

async function compare(protocol: 'http' | 'grpc', tensor: WireTensor) {
  const bare = await startEcho(`bare ${protocol}`);
  const ours = await startEcho(`our ${protocol}`);
  const open = protocol === 'http' ? httpSender : grpcSender;
  const toBare = open(bare.port, tensor);
  const toOurs = open(ours.port, tensor);
  await cpuPerRequest(bare, toBare, warmUpRequests);
  await cpuPerRequest(ours, toOurs, warmUpRequests);
  const bareRounds: number[] = [];
  const oursRounds: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bareRounds.push(await cpuPerRequest(bare, toBare, requestsPerRound));
    oursRounds.push(await cpuPerRequest(ours, toOurs, requestsPerRound));
  }
  await Promise.all([toBare.close(), toOurs.close()]);
  bare.stop();
  ours.stop();
  const bareUs = lowerQuartile(bareRounds);
  const oursUs = lowerQuartile(oursRounds);
  return { bareUs, oursUs, ratio: oursUs / bareUs };
}

function lowerQuartile(values: readonly number[]): number {
  return quantileOfSorted(
    values.toSorted((a, b) => a - b),
    0.25,
  );
}

async function cpuPerRequest(
  server: EchoServer,
  sender: Sender,
  requests: number,
): Promise<number> {
  const before = await server.cpuUs();
  let left = requests;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left -= 1;
        await sender.send();
      }
    }),
  );
  return ((await server.cpuUs()) - before) / requests;
}

function httpSender(port: number, tensor: WireTensor): Sender {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: inFlight });
  const { body, headers } = toInferMessage({ inputs: [tensor] }, 'binary');
  return {
    async send() {
      const answer = await pool.request({
        method: 'POST',
        path: '/v2/models/m/infer',
        body,
        headers,
      });
      const bytes = await answer.body.arrayBuffer();
      if (answer.statusCode !== 200) throw new Error(Buffer.from(bytes).toString());
    },
    close: () => pool.close(),
  };
}

function grpcSender(port: number, tensor: WireTensor): Sender {
  const bytes = grpcMessage(tensor);
  const maxBytes = 2 ** 26;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxBytes,
    'grpc.max_send_message_length': maxBytes,
  });
  const same = (message: Buffer): Buffer => message;
  return {
    send: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          '/inference.GRPCInferenceService/ModelInfer',
          same,
          same,
          bytes,
          (error) => {
            if (error === null) resolve();
            else reject(error);
          },
        );
      }),
    close: () => {
      client.close();
      return Promise.resolve();
    },
  };
}

/** A request with the tensor as raw contents, as tritonclient sends it. */
function grpcMessage({ name, datatype, shape, data }: WireTensor): Buffer {
  const service = loadInferencePackage()['inference.GRPCInferenceService'] as unknown as {
    ModelInfer: { requestSerialize(message: object): Buffer };
  };
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return service.ModelInfer.requestSerialize({
    model_name: 'm',
    inputs: [{ name, datatype, shape: shape.map(String) }],
    raw_input_contents: [Buffer.from(buffer, byteOffset, byteLength)],
  });
}

if (isMain(import.meta.url)) await runBenches([protocolCost]);
