/** Batching against Multi-Tenancy for every network at hand: the answer depends on the network. */
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import { Profiler } from '../src/scaling/profiler.ts';
import type { ProfileReport } from '../src/scaling/scaler.ts';
import type { Row } from '../src/tensor/row.ts';
import { formatPerS } from '../src/units.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, ratio, runBenches } from './harness.ts';
import { measurePoints } from './measure.ts';
import { benchModels, withEngine } from './models.ts';

const rounds = 3;
const pointMs = 1500;

export async function approaches(): Promise<BenchReport> {
  const figures = [];
  for (const model of benchModels) {
    const reports = await withEngine(model, {}, async (engine, rows) => {
      const measured: ProfileReport[] = [];
      for (let round = 0; round < rounds; round += 1) measured.push(await profile(engine, rows));
      return measured;
    });
    const gain = (of: (report: ProfileReport) => number): number =>
      1 + median(reports.map(of)) / 100;
    const batching = gain((report) => report.tiBatchingPercent);
    const multiTenancy = gain((report) => report.tiMultiTenancyPercent);
    figures.push({
      network: model.name,
      basePerS: median(reports.map((report) => report.probes[0]?.throughputPerS ?? Number.NaN)),
      batching,
      multiTenancy,
      probes: reports[0]?.probes.map(({ point }) => point),
      approach: batching > multiTenancy ? 'batching' : 'multi-tenancy',
    });
  }
  return {
    title: 'Batching or Multi-Tenancy: throughput over one instance at batch 1, all cores in use',
    about: `Median of ${rounds} profiles: batch 32 at one instance, and one instance per core at batch 1.`,
    columns: [
      { heading: 'network' },
      { heading: '(1,1)', align: 'right' },
      { heading: 'Batching', align: 'right' },
      { heading: 'Multi-Tenancy', align: 'right' },
      { heading: 'helps more' },
    ],
    rows: figures.map((row) => [
      row.network,
      formatPerS(row.basePerS),
      ratio(row.batching),
      ratio(row.multiTenancy),
      row.approach,
    ]),
    figures,
  };
}

async function profile(engine: OnnxEngine, rows: readonly Row[]): Promise<ProfileReport> {
  const profiler = new Profiler(engine.limits);
  const measured = await measurePoints(engine, rows, profiler.points, { pointMs });
  for (const observation of measured) {
    profiler.record(observation);
  }
  return profiler.report();
}

if (isMain(import.meta.url)) await runBenches([approaches]);
