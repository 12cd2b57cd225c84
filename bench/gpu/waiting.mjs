#!/usr/bin/env node
/**
 * What a batch in waiting is worth: the throughput of some points with none, and with one at each
 * instance, in turns. Plain JavaScript over `dist/`, as `bench/gpu.mjs`.
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { pointsOf, withNetwork } from './network-at-points.mjs';

const help = `node bench/gpu/waiting.mjs [options]

  --network NAME     of the zoo; default mobilenet_v1_100
  --points LIST      batch,instances separated by spaces; default "8,1 32,1 128,1 64,4"
  --point SECONDS    measured at each point, each time; default 1.5
  --rounds N         default 2
  --provider NAME    cuda (default), tensorrt or cpu
  --isolation NAME   process (default) or thread`;

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'mobilenet_v1_100' },
    points: { type: 'string', default: '8,1 32,1 128,1 64,4' },
    point: { type: 'string', default: '1.5' },
    rounds: { type: 'string', default: '2' },
    provider: { type: 'string', default: 'cuda' },
    isolation: { type: 'string', default: 'process' },
    help: { type: 'boolean' },
  },
});

if (values.help) process.stdout.write(`${help}\n`);
else await measure();

async function measure() {
  const { network, provider, isolation } = values;
  const points = pointsOf(values.points);
  const pointMs = 1000 * Number(values.point);
  await withNetwork({ network, provider, isolation, points }, async (_, measureAt) => {
    for (const point of points) {
      for (let round = 0; round < Number(values.rounds); round += 1) {
        for (const queuedBatches of [0, 1]) {
          const before = performance.eventLoopUtilization();
          const seen = await measureAt(point, { pointMs, queuedBatches });
          const { batchSize, instances } = seen.point;
          const { utilization } = performance.eventLoopUtilization(before);
          const { p50Ms, p95Ms } = seen.executionLatency;
          process.stdout.write(
            `${network} (${batchSize},${instances}) ${queuedBatches} in waiting: ${seen.throughputPerS.toFixed(0)}/s, ` +
              `call p50 ${p50Ms.toFixed(2)} p95 ${p95Ms.toFixed(2)} ms, main thread ${(100 * utilization).toFixed(0)}%, ` +
              `${((utilization * 1000 * batchSize) / seen.throughputPerS).toFixed(2)} ms a call\n`,
          );
        }
      }
    }
  });
}
