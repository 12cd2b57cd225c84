// The yardsticks: a thread that does nothing but call session.run, on the same input for a while, or on
// each buffer that is transferred to it.
import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { modelPath, threads, spinning, feeds } = workerData;
const session = await InferenceSession.create(modelPath, {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  enableCpuMemArena: true,
  extra: {
    session: spinning ? { force_spinning_stop: '1' } : { intra_op: { allow_spinning: '0' } },
  },
});
const typeOf = (input) => session.inputMetadata.find(({ name }) => name === input).type;
const tensors = Object.fromEntries(
  feeds.map(({ name, data, dims }) => [name, new Tensor(typeOf(name), data, dims)]),
);
await session.run(tensors);

const [{ name, data, dims }] = feeds;
const type = typeOf(name);
const [outputName] = session.outputNames;

async function loop(durationMs) {
  await session.run(tensors);
  const startMs = performance.now();
  let calls = 0;
  while (performance.now() - startMs < durationMs) {
    await session.run(tensors);
    calls += 1;
  }
  parentPort.postMessage({ calls, elapsedMs: performance.now() - startMs });
}

async function runOn(buffer) {
  const input = new Tensor(type, new data.constructor(buffer), dims);
  const output = (await session.run({ [name]: input }))[outputName].data.slice();
  parentPort.postMessage({ buffer, output: output.buffer }, [buffer, output.buffer]);
}

let last = Promise.resolve();
parentPort.on('message', ({ durationMs, buffer }) => {
  last = last.then(() => (buffer === undefined ? loop(durationMs) : runOn(buffer)));
});
parentPort.postMessage('ready');
