/** How fast the simulator drives the serving code: simulated requests per second of wall time. */
import { systemClock } from '../src/clock.ts';
import { FixedScaler } from '../src/scaling/fixed.ts';
import { simulate } from '../src/simulator/simulate.ts';
import { SimulatedEngine } from '../src/simulator/simulated-engine.ts';
import { VirtualClock } from '../src/simulator/virtual-clock.ts';
import { formatPerS } from '../src/units.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, ratio, runBenches } from './harness.ts';

const rounds = 5;
const roundRequests = 1_000_000;
const targetBatchSize = 32;
const targetPerS = 500_000;

const cases = [
  { batchSize: 1, instances: 1 },
  { batchSize: 1, instances: 8 },
  { batchSize: targetBatchSize, instances: 1 },
  { batchSize: targetBatchSize, instances: 4 },
  { batchSize: 128, instances: 1 },
] as const;

export async function simulatorSpeed(): Promise<BenchReport> {
  const figures = [];
  for (const { batchSize, instances } of cases) {
    const perS: number[] = [];
    await measure(batchSize, instances);
    for (let round = 0; round < rounds; round += 1) perS.push(await measure(batchSize, instances));
    const target = batchSize === targetBatchSize ? targetPerS : null;
    figures.push({ batchSize, instances, requestsPerS: median(perS), target });
  }
  return {
    title: 'Simulator: simulated requests per second of wall time, on one core',
    about: `Deployment, queue, batcher, windows and a fixed scaler; median of ${rounds} runs of ${roundRequests.toLocaleString('en-US')} requests.`,
    columns: [
      { heading: 'batch', align: 'right' },
      { heading: 'instances', align: 'right' },
      { heading: 'requests', align: 'right' },
      { heading: 'target', align: 'right' },
      { heading: 'of target', align: 'right' },
    ],
    rows: figures.map(({ batchSize, instances, requestsPerS, target }) => [
      String(batchSize),
      String(instances),
      formatPerS(requestsPerS),
      target === null ? '' : formatPerS(target),
      target === null ? '' : ratio(requestsPerS / target),
    ]),
    figures,
  };
}

async function measure(batchSize: number, instances: number): Promise<number> {
  const clock = new VirtualClock();
  const latencyMs = 20;
  const engine = new SimulatedEngine<number>({
    name: 'constant latency',
    clock,
    law: () => latencyMs,
    noiseSigma: 0.05,
    maxBatchSize: batchSize,
    maxInstances: instances,
  });
  const startedMs = systemClock.nowMs();
  const { requests } = await simulate({
    clock,
    engine,
    scaler: new FixedScaler({ batchSize, instances }, engine.limits),
    slo: { percentile: 0.95, limitMs: 50 },
    durationMs: (roundRequests / (batchSize * instances)) * latencyMs,
  });
  return (requests.answered / (systemClock.nowMs() - startedMs)) * 1000;
}

if (isMain(import.meta.url)) await runBenches([simulatorSpeed]);
