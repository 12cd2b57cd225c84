#!/usr/bin/env node
/**
 * How co-located instances share a GPU: the throughput of some points with processes that take turns,
 * with processes under MPS, and with threads. Plain JavaScript over `dist/`, as `bench/gpu.mjs`.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { pointsOf, withNetwork } from './network-at-points.mjs';

const help = `node bench/gpu/sharing.mjs [options]

  --network NAME     of the zoo; default inception_v3
  --points LIST      batch,instances separated by spaces; default "1,1 1,8 8,4"
  --point SECONDS    measured at each point; default 1
  --provider NAME    cuda (default), tensorrt or cpu`;

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'inception_v3' },
    points: { type: 'string', default: '1,1 1,8 8,4' },
    point: { type: 'string', default: '1' },
    provider: { type: 'string', default: 'cuda' },
    /** One way of sharing, in a process of its own: what one leaves on the GPU must not meet the next. */
    way: { type: 'string' },
    help: { type: 'boolean' },
  },
});

const ways = {
  'processes in turns': { isolation: 'process', mps: 'off' },
  'processes with MPS': { isolation: 'process', mps: 'auto' },
  threads: { isolation: 'thread' },
};

if (values.help) process.stdout.write(`${help}\n`);
else if (values.way === undefined) {
  for (const way of Object.keys(ways)) {
    const again = [...process.argv.slice(1), '--way', way];
    const { status } = spawnSync(process.execPath, again, { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
} else {
  await measure(values.way, ways[values.way]);
}

async function measure(way, how) {
  const { network, provider } = values;
  const points = pointsOf(values.points);
  await withNetwork({ network, provider, points, ...how }, async (engine, measureAt) => {
    for (const note of engine.limits.notes) process.stdout.write(`${way}: ${note}\n`);
    for (const point of points) {
      const seen = await measureAt(point, { pointMs: 1000 * Number(values.point) });
      const { batchSize, instances } = seen.point;
      process.stdout.write(
        `${way}: ${network} (${batchSize},${instances}) ${seen.throughputPerS.toFixed(0)}/s, p95 ${seen.requestLatency.p95Ms.toFixed(2)} ms\n`,
      );
    }
  });
}
