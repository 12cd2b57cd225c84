/** Our instances against a bare `session.run` loop, with the same batch, instances and threads. */
import { systemClock } from '../src/clock.ts';
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import type { Row } from '../src/tensor/row.ts';
import { formatMs, formatPerS } from '../src/units.ts';
import { openBareLoop } from './bare-loop.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, ratio, runBenches } from './harness.ts';
import { measurePoints } from './measure.ts';
import type { BenchModel } from './models.ts';
import { benchModel, withEngine } from './models.ts';

const roundMs = 3000;
const rounds = 5;

const cases: readonly { model: string; batchSize: number; instances: number; target?: number }[] = [
  { model: 'mobilenet_v1_100', batchSize: 1, instances: 2, target: 0.97 },
  { model: 'mobilenet_v1_100', batchSize: 8, instances: 2, target: 0.97 },
  { model: 'mobilenet_v1_025', batchSize: 1, instances: 2, target: 0.95 },
  { model: 'mobilenet_v1_025', batchSize: 8, instances: 2, target: 0.95 },
  { model: 'mobilenet_v1_100', batchSize: 8, instances: 1 },
  { model: 'multvae_ml20m', batchSize: 32, instances: 1 },
];

interface Figures {
  readonly model: string;
  readonly batchSize: number;
  readonly instances: number;
  readonly threadsPerInstance: number;
  readonly barePerS: number;
  readonly oursPerS: number;
  readonly ratio: number;
  /** Rows per second of a loop whose batches are handed over to it, over those of the bare one. */
  readonly fedRatio: number;
  readonly target: number | null;
  /** CPU time of the main thread for each row, in ms. */
  readonly mainThreadMsPerRow: number;
}

export async function engineOverhead(): Promise<BenchReport> {
  const figures: Figures[] = [];
  for (const { model, batchSize, instances, target } of cases) {
    figures.push(await compare(benchModel(model), { batchSize, instances }, target ?? null));
  }
  return {
    title: 'Engine: rows per second through our instances against a bare session.run loop',
    about:
      `Same batch, instances and threads, and a batch in waiting for each instance; median ratio of ${rounds} interleaved rounds of ${roundMs / 1000} s.\n` +
      `"fed" is the ratio of a bare loop, too, whose batches the main thread gathers and transfers there and back, with\n` +
      `nothing else done about them: what handing over costs by itself where main thread and instances share cores.`,
    columns: [
      { heading: 'network' },
      { heading: 'batch', align: 'right' },
      { heading: 'instances', align: 'right' },
      { heading: 'threads', align: 'right' },
      { heading: 'bare', align: 'right' },
      { heading: 'ours', align: 'right' },
      { heading: 'ratio', align: 'right' },
      { heading: 'target', align: 'right' },
      { heading: 'fed', align: 'right' },
      { heading: 'main thread/row', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.model,
      String(row.batchSize),
      String(row.instances),
      String(row.threadsPerInstance),
      formatPerS(row.barePerS),
      formatPerS(row.oursPerS),
      ratio(row.ratio),
      row.target === null ? '' : ratio(row.target),
      ratio(row.fedRatio),
      formatMs(row.mainThreadMsPerRow),
    ]),
    figures,
  };
}

function compare(
  model: BenchModel,
  point: OperatingPoint,
  target: number | null,
): Promise<Figures> {
  return withEngine(model, { maxInstances: point.instances }, async (engine, rows) => {
    const first = await ours(engine, rows, point);
    const threadsPerInstance = first.point.threadsPerInstance ?? 1;
    const bare = await openBareLoop(await model.path(), engine.signature, rows, {
      ...point,
      threadsPerInstance,
    });
    const barePerS: number[] = [];
    const oursPerS: number[] = [];
    const fedPerS: number[] = [];
    const mainMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      barePerS.push(await bare.repeat(roundMs));
      const measured = await ours(engine, rows, point);
      oursPerS.push(measured.perS);
      mainMs.push(measured.mainThreadMsPerRow);
      fedPerS.push(await bare.feed(roundMs));
    }
    await bare.close();
    return {
      model: model.name,
      ...point,
      threadsPerInstance,
      barePerS: median(barePerS),
      oursPerS: median(oursPerS),
      ratio: median(oursPerS.map((perS, i) => perS / (barePerS[i] as number))),
      fedRatio: median(fedPerS.map((perS, i) => perS / (barePerS[i] as number))),
      target,
      mainThreadMsPerRow: median(mainMs),
    };
  });
}

async function ours(
  engine: OnnxEngine,
  rows: readonly Row[],
  point: OperatingPoint,
): Promise<{ point: OperatingPoint; perS: number; mainThreadMsPerRow: number }> {
  const before = performance.eventLoopUtilization();
  const startMs = systemClock.nowMs();
  const [observation] = await measurePoints(engine, rows, [point], {
    pointMs: roundMs,
    queuedBatches: 1,
  });
  if (observation === undefined) throw new Error('nothing was measured');
  const busyMs =
    performance.eventLoopUtilization(before).utilization * (systemClock.nowMs() - startMs);
  const totalRows = (observation.rows * (systemClock.nowMs() - startMs)) / observation.durationMs;
  return {
    point: observation.point,
    perS: observation.throughputPerS,
    mainThreadMsPerRow: busyMs / totalRows,
  };
}

if (isMain(import.meta.url)) await runBenches([engineOverhead]);
