import type {
  MeasuredPoint,
  NetworkReport,
  ScalerChoice,
} from '../experiments/device-bench/network-report.ts';
import type { BenchResults } from '../experiments/device-bench/results.ts';
import { formatMs, formatPerJoule, formatPerS, formatWatts } from '../units.ts';
import { renderTable } from './text-table.ts';

/** The results of the benchmark for people: what was chosen, what was measured, what was left out. */
export function benchTable(results: BenchResults): string {
  const { machine, provider, networks, powerMeter, complete } = results;
  const device = machine.gpu === null ? '' : `${machine.gpu.name}, driver ${machine.gpu.driver}; `;
  const measured = networks.filter(({ points }) => points.length > 0);
  return [
    `${device}${machine.cpu}, ${machine.cores} cores; provider ${provider}, ONNX Runtime ${machine.onnxruntime}, Node.js ${machine.node}; ${results.date}`,
    `power: ${powerMeter}; took ${results.tookS.toFixed(0)} of ${results.budgetS.toFixed(0)} s${complete ? '' : '; ENDED EARLY'}`,
    '',
    choicesTable(measured),
    '',
    'Points measured: batch x instances, throughput, latency of a request',
    '',
    pointsTable(measured),
    ...networks.flatMap((report) => remarks(report)),
  ].join('\n');
}

function choicesTable(networks: readonly NetworkReport[]): string {
  return renderTable(
    [
      { heading: 'network' },
      { heading: 'SLO', align: 'right' },
      { heading: '(1,1)', align: 'right' },
      { heading: 'TI_B', align: 'right' },
      { heading: 'TI_MT', align: 'right' },
      { heading: 'dnnscaler' },
      { heading: 'joint' },
      { heading: 'best of the sweep' },
      { heading: 'other runtime, same batch' },
    ],
    networks.map((report) => [
      report.network,
      formatMs(report.slo?.limitMs ?? Number.NaN),
      formatPerS(report.points[0]?.throughputPerS ?? Number.NaN),
      percent(report.tiBatchingPercent),
      percent(report.tiMultiTenancyPercent),
      choice(report.choices.dnnscaler),
      choice(report.choices.joint),
      report.bestOfSweep === null ? '-' : point(report.bestOfSweep),
      yardstick(report),
    ]),
  );
}

function pointsTable(networks: readonly NetworkReport[]): string {
  const isMetered = networks.some(({ points }) => points.some((one) => one.powerWatts !== null));
  return renderTable(
    [
      { heading: 'network' },
      { heading: 'batch', align: 'right' },
      { heading: 'instances', align: 'right' },
      { heading: 'throughput', align: 'right' },
      { heading: 'p50', align: 'right' },
      { heading: 'p95', align: 'right' },
      ...(isMetered
        ? [
            { heading: 'power', align: 'right' as const },
            { heading: 'per joule', align: 'right' as const },
          ]
        : []),
    ],
    networks.flatMap(({ network, points }) =>
      [...points]
        .sort(byInstances)
        .map((measured) => [
          network,
          String(measured.batchSize),
          String(measured.instances),
          formatPerS(measured.throughputPerS),
          formatMs(measured.p50Ms),
          formatMs(measured.p95Ms),
          formatWatts(measured.powerWatts ?? Number.NaN),
          formatPerJoule(measured.throughputPerS / (measured.powerWatts ?? Number.NaN)),
        ]),
    ),
  );
}

/** What a reader should know beside the figures. */
function remarks({ network, skipped, dropped, yardstick: other }: NetworkReport): string[] {
  if (skipped !== undefined) return ['', `${network} was not measured: ${skipped}`];
  return [
    '',
    'skipped' in other
      ? `${network}: no yardstick, ${other.skipped}`
      : `${network}: yardstick ${other.runtime}`,
    ...(dropped.length === 0
      ? []
      : [`${network}: ${dropped.length} left out, the first: ${dropped[0] ?? ''}`]),
  ];
}

function byInstances(a: MeasuredPoint, b: MeasuredPoint): number {
  return a.instances - b.instances || a.batchSize - b.batchSize;
}

function point({ batchSize, instances, throughputPerS }: MeasuredPoint): string {
  return `(${batchSize},${instances}) ${formatPerS(throughputPerS)}`;
}

function choice(made: ScalerChoice | undefined): string {
  if (made === undefined) return '-';
  const { batchSize, instances } = made.operatingPoint;
  const held = made.verdict === 'held' ? '' : ' NOT HELD';
  return `(${batchSize},${instances}) ${formatPerS(made.throughputPerS)}${held}`;
}

/** Ours over the other runtime's, both with one instance, at the largest batch that both have. */
function yardstick({ points, yardstick: other }: NetworkReport): string {
  if ('skipped' in other) return '-';
  const shared = other.points
    .filter(({ batchSize }) =>
      points.some((one) => one.instances === 1 && one.batchSize === batchSize),
    )
    .sort((a, b) => b.batchSize - a.batchSize)[0];
  const ours = points.find((one) => one.instances === 1 && one.batchSize === shared?.batchSize);
  if (shared === undefined || ours === undefined) return '-';
  const ratio = ours.throughputPerS / shared.throughputPerS;
  return `${formatPerS(shared.throughputPerS)} at ${shared.batchSize}: ours ${ratio.toFixed(2)}x`;
}

function percent(value: number | null): string {
  return value === null ? '-' : `${value < 0 ? '' : '+'}${value.toFixed(0)}%`;
}
