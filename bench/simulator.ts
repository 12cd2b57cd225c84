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
    const measured: Speed[] = [];
    await measure(batchSize, instances);
    for (let i = 0; i < rounds; i += 1) measured.push(await measure(batchSize, instances));
    figures.push({
      batchSize,
      instances,
      requestsPerS: median(measured.map((speed) => speed.perS)),
      requestsPerCpuS: median(measured.map((speed) => speed.perCpuS)),
      target: batchSize === targetBatchSize ? targetPerS : null,
    });
  }
  return {
    title: 'Simulator: simulated requests per second of wall time, on one core',
    about: `Deployment, queue, batcher, windows and a fixed scaler; median of ${rounds} runs of ${roundRequests.toLocaleString('en-US')} requests. CPU time shows what an idle machine would do.`,
    columns: [
      { heading: 'batch', align: 'right' },
      { heading: 'instances', align: 'right' },
      { heading: 'per CPU second', align: 'right' },
      { heading: 'per second', align: 'right' },
      { heading: 'target', align: 'right' },
      { heading: 'of target', align: 'right' },
    ],
    rows: figures.map(({ batchSize, instances, requestsPerS, requestsPerCpuS, target }) => [
      String(batchSize),
      String(instances),
      formatPerS(requestsPerCpuS),
      formatPerS(requestsPerS),
      target === null ? '' : formatPerS(target),
      target === null ? '' : ratio(requestsPerS / target),
    ]),
    figures,
  };
}

interface Speed {
  readonly perS: number;
  readonly perCpuS: number;
}

async function measure(batchSize: number, instances: number): Promise<Speed> {
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
  const startedCpu = process.cpuUsage();
  const { requests } = await simulate({
    clock,
    engine,
    scaler: new FixedScaler({ batchSize, instances }, engine.limits),
    slo: { percentile: 0.95, limitMs: 50 },
    durationMs: (roundRequests / (batchSize * instances)) * latencyMs,
  });
  const cpu = process.cpuUsage(startedCpu);
  return {
    perS: (requests.answered / (systemClock.nowMs() - startedMs)) * 1000,
    perCpuS: (requests.answered / (cpu.user + cpu.system)) * 1e6,
  };
}

if (isMain(import.meta.url)) await runBenches([simulatorSpeed]);
