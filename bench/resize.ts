/** What a change of the operating point costs under full load: time, and requests lost. */
import { systemClock } from '../src/clock.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import { formatPoint } from '../src/operating-point.ts';
import { VisitScaler } from '../src/scaling/visit.ts';
import { Trial } from '../src/serving/trial.ts';
import { makeSlo } from '../src/slo.ts';
import type { Row } from '../src/tensor/row.ts';
import { formatMs } from '../src/units.ts';
import { syntheticSource } from '../src/workload/row-source.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, runBenches } from './harness.ts';
import { benchModel, withEngine } from './models.ts';

const rounds = 3;
const networks = ['mobilenet_v1_100', 'multvae_ml20m'];
const isolations = ['thread', 'process'] as const;

/** Each is reached from the one before it; the first is only where the round starts. */
const path: readonly OperatingPoint[] = [
  { batchSize: 1, instances: 1 },
  { batchSize: 8, instances: 1 },
  { batchSize: 1, instances: 1 },
  { batchSize: 1, instances: 2 },
  { batchSize: 1, instances: 1 },
];

interface Figures {
  readonly network: string;
  readonly isolation: (typeof isolations)[number];
  readonly from: OperatingPoint;
  readonly to: OperatingPoint;
  readonly tookMs: number;
  readonly answered: number;
  readonly lost: number;
}

export async function resize(): Promise<BenchReport> {
  const figures: Figures[] = [];
  for (const network of networks) {
    for (const isolation of isolations) {
      const tookMs = path.slice(1).map((): number[] => []);
      let answered = 0;
      let failed = 0;
      for (let round = 0; round < rounds; round += 1) {
        const result = await walk(network, isolation);
        result.changes.slice(1).forEach((change, i) => tookMs[i]?.push(change.tookMs));
        answered += result.requests.answered;
        failed += result.requests.failed;
      }
      path.slice(1).forEach((to, i) => {
        const from = path[i] as OperatingPoint;
        figures.push({
          network,
          isolation,
          from,
          to,
          tookMs: median(tookMs[i] as number[]),
          answered,
          lost: failed,
        });
      });
    }
  }
  return {
    title: 'Resizing under full load',
    about: `Median time from asking for a point to its taking effect, of ${rounds} walks (a batch size is warmed only once); requests lost over all walks.`,
    columns: [
      { heading: 'network' },
      { heading: 'isolation' },
      { heading: 'from' },
      { heading: 'to' },
      { heading: 'took', align: 'right' },
      { heading: 'answered', align: 'right' },
      { heading: 'lost', align: 'right' },
    ],
    rows: figures.map((row) => [
      row.network,
      row.isolation,
      formatPoint(row.from),
      formatPoint(row.to),
      formatMs(row.tookMs),
      String(row.answered),
      String(row.lost),
    ]),
    figures,
  };
}

function walk(network: string, isolation: 'thread' | 'process') {
  return withEngine(benchModel(network), { isolation, maxInstances: 2 }, (engine, rows) => {
    const scaler = new VisitScaler(path);
    const trial = new Trial<Row, Row>({
      engine,
      scaler,
      slo: makeSlo(60_000),
      source: syntheticSource((index) => rows[index % rows.length] as Row),
      clock: systemClock,
      durationMs: 120_000,
      windows: { throughputMinMs: 500 },
      listener: {
        onWindow: () => {
          if (scaler.isDone) trial.stop();
        },
      },
    });
    return trial.start().finished;
  });
}

if (isMain(import.meta.url)) await runBenches([resize]);
