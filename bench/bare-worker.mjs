// The yardstick: a thread that does nothing but call session.run on the same input for a while.
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
const tensors = Object.fromEntries(
  feeds.map(({ name, type, data, dims }) => [name, new Tensor(type, data, dims)]),
);
await session.run(tensors);

parentPort.on('message', async ({ durationMs }) => {
  await session.run(tensors);
  const startMs = performance.now();
  let calls = 0;
  while (performance.now() - startMs < durationMs) {
    await session.run(tensors);
    calls += 1;
  }
  parentPort.postMessage({ calls, elapsedMs: performance.now() - startMs });
});
parentPort.postMessage('ready');
