/** What serving over a socket costs on top of the engine: throughput, latency, decoded images. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { samplePhotos } from '../../examples/photos.ts';
import { sleep, systemClock } from '../../src/clock.ts';
import type { WireTensor } from '../../src/oip/tensor.ts';
import type { OperatingPoint } from '../../src/operating-point.ts';
import { runSweep } from '../../src/serving/sweep.ts';
import { Random } from '../../src/random.ts';
import type { Row } from '../../src/tensor/row.ts';
import { formatMs, formatPerS } from '../../src/units.ts';
import { syntheticSource } from '../../src/workload/row-source.ts';
import { findNetwork } from '../../src/zoo/registry.ts';
import type { BenchReport } from '../harness.ts';
import { isMain, median, ratio, runBenches } from '../harness.ts';
import { benchModel, withEngine } from '../models.ts';
import { startEcho } from './echo-server.ts';
import type { Connection } from './lean-client.ts';
import { answeredPerS, openConnection, postBytes, requestBytes } from './lean-client.ts';

const rounds = 9;
const roundMs = 3000;
/**
 * How long the server answers requests before its throughput counts. Most go to a small network, so that
 * they are the thousands until which its code is compiled, and which a large one does not answer in
 * minutes; some to the one that is measured, or V8 would throw much of that code away at the first of them.
 */
const saturationWarmUpMs = 20_000;
/** To the small network for each one to the large; their sum shares no factor with the requests under way. */
const smallPerLarge = 14;
const smallNetwork = 'mobilenet_v1_025';
/**
 * One after the other before latencies count: until then the code of both ends is still compiled,
 * as after a thousand much of it is.
 */
const warmUpRequests = 5000;
/**
 * Now and then among them what the measuring does besides: the first request of another kind, and the
 * first pause, make V8 throw away much of the code that it compiled for nothing but requests without a
 * pause, and at a light load it takes minutes to compile it again.
 */
const requestsBetweenPauses = 250;
const requestsInTurn = 100;
const roundsInTurn = 5;
const pauseMs = 15;

/** Throughput of the built server under a closed loop against its engine alone, taken in turns. */
export async function saturation(): Promise<BenchReport> {
  const network = 'mobilenet_v1_100';
  const cases = [
    { isolation: 'process', point: { batchSize: 4, instances: 2 }, target: 0.95 },
    { isolation: 'thread', point: { batchSize: 4, instances: 2 }, target: 0.95 },
  ] as const;
  const figures = [];
  for (const { isolation, point, target } of cases) {
    const measured = await withServer([network, smallNetwork], point, isolation, async (server) => {
      const networks = [network, ...new Array<string>(smallPerLarge).fill(smallNetwork)];
      const requests = networks.flatMap((name) =>
        requestsOf(name, [findNetwork(name).makeRow(new Random(1))]),
      );
      await answeredPerS(server.url, requests, inFlightAt(point), saturationWarmUpMs);
      return againstEngine(network, point, isolation, server);
    });
    figures.push({ network, isolation, ...point, ...measured, target });
  }
  return {
    title: 'Server: rows per second at saturation against the engine alone',
    about:
      `The built server over HTTP, binary tensors, after ${saturationWarmUpMs / 1000} s of requests to it and, mostly, ${smallNetwork}. Both get twice as many\n` +
      `rows as fit into their instances; median ratio of ${rounds} interleaved rounds of ${roundMs / 1000} s. The client shares the cores, and so does no more than it has to.`,
    columns: [
      { heading: 'network' },
      { heading: 'instances as' },
      { heading: 'batch', align: 'right' },
      { heading: 'instances', align: 'right' },
      { heading: 'engine', align: 'right' },
      { heading: 'server', align: 'right' },
      { heading: 'ratio', align: 'right' },
      { heading: 'target', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.network,
      row.isolation,
      String(row.batchSize),
      String(row.instances),
      formatPerS(row.enginePerS),
      formatPerS(row.serverPerS),
      ratio(row.ratio),
      `at least ${ratio(row.target)}`,
    ]),
    figures,
  };
}

async function againstEngine(
  network: string,
  point: OperatingPoint,
  isolation: 'thread' | 'process',
  server: Server,
) {
  const options = { maxInstances: point.instances, isolation };
  return withEngine(benchModel(network), options, async (engine, rows) => {
    const enginePerS: number[] = [];
    const serverPerS: number[] = [];
    const requests = requestsOf(network, rows);
    for (let round = 0; round < rounds; round += 1) {
      const source = syntheticSource((index) => rows[index % rows.length] as Row);
      // The first window is the lead that the server has, too.
      const [, alone] = await runSweep({
        engine,
        source,
        clock: systemClock,
        points: [point, point],
        pointMs: roundMs,
        queuedBatches: 1,
      });
      if (alone === undefined) throw new Error('nothing was measured');
      enginePerS.push(alone.throughputPerS);
      serverPerS.push(await answeredPerS(server.url, requests, inFlightAt(point), roundMs));
    }
    return {
      enginePerS: median(enginePerS),
      serverPerS: median(serverPerS),
      ratio: median(serverPerS.map((perS, i) => perS / (enginePerS[i] as number))),
    };
  });
}

/** What the way through the server adds to a request that finds it idle. */
export async function lightLoad(): Promise<BenchReport> {
  const network = 'mobilenet_v1_025';
  const photo = await sharp(readFileSync(samplePhotos()[0] as string))
    .resize(320, 320)
    .jpeg({ quality: 70 })
    .toBuffer();
  const row = findNetwork(network).makeRow(new Random(1));
  const asTensor = requestBytes(network, tensorsOf(network, row));
  const asJpeg = postBytes(network, { 'content-type': 'image/jpeg' }, photo);
  const point = { batchSize: 8, instances: 1 };
  const figures = await withServer([network], point, 'process', async (server) => [
    {
      request: '48 KB UINT8 tensor',
      ...(await inTurn(server, network, asTensor)),
      bareMs: await bareEcho(asTensor),
      target: 1,
    },
    {
      request: `${Math.round(photo.length / 1024)} KB JPEG, decoded`,
      ...(await inTurn(server, network, asJpeg)),
      bareMs: await bareEcho(asJpeg),
      target: null,
    },
  ]);
  return {
    title: `Server: latency at light load, ${network}`,
    about:
      `${requestsInTurn} requests one at a time, ${pauseMs} ms apart, after ${warmUpRequests} with hardly a pause; medians of ${roundsInTurn} rounds. Added: the client's\n` +
      `p50 less the mean engine call; bare echo: p50 of a bare node:http echo of the same bytes at that pace, which is part\n` +
      `of what is added. CPU is the server process's alone, instances apart.`,
    columns: [
      { heading: 'request' },
      { heading: 'p50', align: 'right' },
      { heading: 'engine call', align: 'right' },
      { heading: 'added', align: 'right' },
      { heading: 'target', align: 'right' },
      { heading: 'bare echo', align: 'right' },
      { heading: 'server CPU', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.request,
      formatMs(row.p50Ms),
      formatMs(row.engineMs),
      formatMs(row.addedMs),
      row.target === null ? '' : `under ${formatMs(row.target)}`,
      formatMs(row.bareMs),
      formatMs(row.cpuMs),
    ]),
    figures,
  };
}

async function inTurn({ url, child }: Server, network: string, request: Buffer) {
  const connection = await openConnection(url);
  await warmUp(connection, request, () => engineTime(url, network));
  const rounds: { p50Ms: number; engineMs: number; addedMs: number; cpuMs: number }[] = [];
  for (let round = 0; round < roundsInTurn; round += 1) {
    const before = await engineTime(url, network);
    const cpuBefore = cpuMsOf(child);
    const p50Ms = await pacedP50Ms(connection, request);
    const cpuMs = (cpuMsOf(child) - cpuBefore) / requestsInTurn;
    const after = await engineTime(url, network);
    const engineMs = (after.ns - before.ns) / (after.count - before.count) / 1e6;
    rounds.push({ p50Ms, engineMs, addedMs: p50Ms - engineMs, cpuMs });
  }
  connection.close();
  const medianOf = (figure: keyof (typeof rounds)[0]) => median(rounds.map((one) => one[figure]));
  return {
    p50Ms: medianOf('p50Ms'),
    engineMs: medianOf('engineMs'),
    addedMs: medianOf('addedMs'),
    cpuMs: medianOf('cpuMs'),
    rounds,
  };
}

async function bareEcho(request: Buffer): Promise<number> {
  const echo = await startEcho('bare http');
  try {
    const connection = await openConnection(`http://127.0.0.1:${echo.port}`);
    await warmUp(connection, request);
    const rounds: number[] = [];
    for (let round = 0; round < roundsInTurn; round += 1) {
      rounds.push(await pacedP50Ms(connection, request));
    }
    connection.close();
    return median(rounds);
  } finally {
    echo.stop();
  }
}

/** @param inPause what else will be done between the rounds */
async function warmUp(
  connection: Connection,
  request: Buffer,
  inPause?: () => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < warmUpRequests; i += 1) {
    await connection.ask(request);
    if (i % requestsBetweenPauses > 0) continue;
    await inPause?.();
    await sleep(pauseMs);
  }
}

async function pacedP50Ms(connection: Connection, request: Buffer): Promise<number> {
  const latencies: number[] = [];
  for (let i = 0; i < requestsInTurn; i += 1) {
    const startMs = systemClock.nowMs();
    await connection.ask(request);
    latencies.push(systemClock.nowMs() - startMs);
    await sleep(pauseMs);
  }
  return median(latencies);
}

async function engineTime(url: string, network: string) {
  const response = await fetch(`${url}/v2/models/${network}/stats`);
  const { model_stats } = (await response.json()) as {
    model_stats: { inference_stats: { compute_infer: { count: number; ns: number } } }[];
  };
  const stats = model_stats[0];
  if (stats === undefined) throw new Error('the server has no statistics of its model');
  return stats.inference_stats.compute_infer;
}

/** CPU time of a process from Linux's accounting, in ms; NaN elsewhere. */
function cpuMsOf({ pid }: ChildProcess): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime and stime, in clock ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

/** As many as run, and as many again. */
function inFlightAt({ batchSize, instances }: OperatingPoint): number {
  return 2 * batchSize * instances;
}

function requestsOf(network: string, rows: readonly Row[]): Buffer[] {
  return rows.map((row) => requestBytes(network, tensorsOf(network, row)));
}

function tensorsOf(network: string, row: Row): WireTensor[] {
  return findNetwork(network)
    .inputs()
    .map(({ name, datatype }, index) => {
      const { data, dims } = row[index] as Row[number];
      return { name, datatype, shape: [1, ...dims], data: data as Uint8Array };
    });
}

interface Server {
  readonly url: string;
  readonly child: ChildProcess;
}

/** Starts the built server at a fixed point, and stops it. */
async function withServer<T>(
  networks: readonly string[],
  { batchSize, instances }: OperatingPoint,
  isolation: 'thread' | 'process',
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const child = spawn(process.execPath, [
    ...[cli, 'serve', ...networks.map((network) => `zoo:${network}`)],
    ...['--slo', '1s', '--scaler', `fixed:${batchSize},${instances}`],
    ...['--isolation', isolation, '--port', '0', '--no-grpc', '--log', 'json', '--calibrate', '0s'],
  ]);
  child.stderr.pipe(process.stderr);
  try {
    return await use({ url: await readyUrl(child), child });
  } finally {
    child.kill('SIGTERM');
  }
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes('"msg":"ready"')) return;
      const url = /"http":"([^"]+)"/.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)));
  });
}

if (isMain(import.meta.url)) await runBenches([saturation, lightLoad]);
