import { formatMs, formatPerS, formatShare } from '../../units.ts';
import type { CurveSource } from '../../simulator/p40.ts';
import type { Comparison, JobResult } from '../comparison.ts';
import { ratioOf } from '../comparison.ts';
import type { Reproduction } from '../reproduce.ts';
import type { ScalerOutcome } from '../run-job.ts';
import type { Markup } from './markup.ts';
import { datasetName, scalerLabel, shortApproach } from './names.ts';
import type { Cell, Column } from './table.ts';
import { table } from './table.ts';

const sourceNames: Readonly<Record<CurveSource, string>> = {
  measured: 'measured',
  'other-dataset': 'other dataset',
  inferred: 'inferred',
};

const job: Column<JobResult> = { heading: 'job', cell: (row) => `${row.job} ${row.network}` };
const slo: Column<JobResult> = {
  heading: 'SLO',
  isNumber: true,
  cell: ({ sloMs }) => formatMs(sloMs),
};
const dataset: Column<JobResult> = {
  heading: 'dataset',
  cell: (row) => datasetName(row.dataset),
};

const improvements: readonly Column<JobResult>[] = [
  { heading: 'TI_B', isNumber: true, cell: (job) => percent(job.tiBatchingPercent) },
  { heading: 'TI_MT', isNumber: true, cell: (job) => percent(job.tiMultiTenancyPercent) },
];

const chosen: Column<JobResult> = {
  heading: 'chosen',
  cell: ({ approach }) => shortApproach(approach),
};

const ratio: Column<JobResult> = {
  heading: 'ratio',
  isNumber: true,
  cell: (job) => {
    const value = ratioOf(job);
    return value === undefined ? '-' : `${value.toFixed(2)}x`;
  },
};

/** Everything about the main comparison, a line per job. */
export function jobTable({ jobs }: Comparison, scalers: readonly string[]): Markup {
  const latencies: Column<JobResult> = {
    heading: 'latencies',
    cell: ({ curveSource, batchPathSource }) =>
      curveSource === null
        ? '-'
        : `${sourceNames[curveSource]}${batchPathSource === 'inferred' ? '*' : ''}`,
  };
  const seed: Column<JobResult> = { heading: 'seed', cell: seedCell };
  const outcomes = scalers.flatMap((scaler) => outcomeColumns(scaler));
  const sources = jobs.some(({ curveSource }) => curveSource !== null) ? [latencies] : [];
  return table<JobResult>(
    [job, slo, ratio, chosen, seed, ...improvements, ...outcomes, ...sources, dataset],
    jobs,
  );
}

/** The same jobs under other conditions: only what can have changed. */
export function shortTable({ jobs }: Comparison, scalers: readonly string[]): Markup {
  const outcomes = scalers.flatMap((scaler) => outcomeColumns(scaler));
  return table<JobResult>([job, slo, ratio, chosen, ...improvements, ...outcomes, dataset], jobs);
}

/** The figures behind each decision that differs from the seed's. */
export function differenceTable(jobs: readonly JobResult[]): Markup {
  const figure =
    (
      format: (value: number) => string,
      pick: (margin: NonNullable<JobResult['margin']>) => number,
    ) =>
    ({ margin }: JobResult): string =>
      margin === undefined ? '-' : format(pick(margin));
  return table<JobResult>(
    [
      job,
      dataset,
      chosen,
      { heading: 'seed', cell: ({ seedApproach }) => shortApproach(seedApproach) },
      { heading: 'batch of 32', isNumber: true, cell: figure(formatPerS, (m) => m.batchingPerS) },
      {
        heading: '8 instances',
        isNumber: true,
        cell: figure(formatPerS, (m) => m.multiTenancyPerS),
      },
      { heading: 'GPU time slice', isNumber: true, cell: figure(formatMs, (m) => m.timeSliceMs) },
      { heading: 'both tie at', isNumber: true, cell: figure(formatMs, (m) => m.tieTimeSliceMs) },
      { heading: 'the slice is', cell: sliceOrigin },
    ],
    jobs,
  );
}

function sliceOrigin({ curveSource }: JobResult): string {
  return curveSource === null ? '-' : sliceOrigins[curveSource];
}

const sliceOrigins: Readonly<Record<CurveSource, string>> = {
  measured: 'measured',
  'other-dataset': 'measured on another dataset',
  inferred: 'inferred from multiply-adds',
};

function outcomeColumns(scaler: string): readonly Column<JobResult>[] {
  const group = scalerLabel(scaler);
  const of = (pick: (outcome: ScalerOutcome) => string | Cell) => (job: JobResult) => {
    const outcome = job.outcomes[scaler];
    return outcome === undefined ? '-' : pick(outcome);
  };
  return [
    { group, heading: 'point', isNumber: true, cell: of(pointText) },
    {
      group,
      heading: 'through-put',
      isNumber: true,
      cell: of((o) => formatPerS(o.throughputPerS)),
    },
    { group, heading: 'p95', isNumber: true, cell: of((o) => formatMs(o.p95Ms)) },
    { group, heading: 'in SLO', isNumber: true, cell: of(attainmentCell) },
    {
      group,
      heading: 'decisions',
      isNumber: true,
      cell: of((o) => (o.steady ? String(o.decisionsToSteady) : 'no rest')),
    },
  ];
}

/** The fair comparison beside the seed's: DNNScaler on p95 and on the mean. */
export function controlTable({ serial, seedControl }: Reproduction): Markup {
  const pairs = serial.jobs.flatMap((fair) => {
    const unfair = seedControl?.jobs.find((other) => other.job === fair.job);
    const onP95 = fair.outcomes.dnnscaler;
    const onMean = unfair?.outcomes.dnnscaler;
    return onP95 === undefined || onMean === undefined ? [] : [{ fair, onP95, onMean }];
  });
  type Pair = (typeof pairs)[0];
  const columnsOf = (
    group: string,
    pick: (pair: Pair) => ScalerOutcome,
  ): readonly Column<Pair>[] => [
    { group, heading: 'point', isNumber: true, cell: (pair) => pointText(pick(pair)) },
    {
      group,
      heading: 'throughput',
      isNumber: true,
      cell: (pair) => formatPerS(pick(pair).throughputPerS),
    },
    { group, heading: 'p95', isNumber: true, cell: (pair) => formatMs(pick(pair).p95Ms) },
    { group, heading: 'in SLO', isNumber: true, cell: (pair) => attainmentCell(pick(pair)) },
  ];
  return table<Pair>(
    [
      ...[job, slo].map((column) => ({ ...column, cell: (pair: Pair) => column.cell(pair.fair) })),
      ...columnsOf('DNNScaler on p95', ({ onP95 }) => onP95),
      ...columnsOf('DNNScaler on the mean', ({ onMean }) => onMean),
    ],
    pairs,
  );
}

/** Recovery after each step of the SLO, for every job and scaler. */
export function stepTable({ sloSteps, scalers }: Reproduction): Markup {
  type Row = Reproduction['sloSteps'][0];
  const phaseColumns = (index: number, name: string, scaler: string): readonly Column<Row>[] => {
    const phaseOf = (row: Row) => row.runs.find((run) => run.scaler === scaler)?.phases[index];
    const group = `step ${name}, ${scalerLabel(scaler)}`;
    return [
      {
        group,
        heading: 'recovered in',
        isNumber: true,
        cell: (row) => {
          const recoveryMs = phaseOf(row)?.recoveryMs ?? null;
          if (recoveryMs === null) return { text: 'never', tone: 'bad' };
          return `${(recoveryMs / 1000).toFixed(1)} s`;
        },
      },
      {
        group,
        heading: 'requests over',
        isNumber: true,
        cell: (row) => {
          const phase = phaseOf(row);
          if (phase === undefined) return '-';
          const { requestsOverSlo: over, requests } = phase;
          return `${over.toLocaleString('en-US')} of ${requests.toLocaleString('en-US')}`;
        },
      },
    ];
  };
  return table<Row>(
    [
      { heading: 'job', cell: (row) => `${row.job} ${row.network}` },
      {
        heading: 'SLO, ms',
        cell: ({ runs }) => {
          const limits = runs[0]?.phases.map(({ limitMs }) => String(Number(limitMs.toFixed(1))));
          return limits?.join(' \u2192 ') ?? '-';
        },
      },
      ...scalers.flatMap((scaler) => phaseColumns(1, 'down', scaler)),
      ...scalers.flatMap((scaler) => phaseColumns(2, 'up', scaler)),
    ],
    sloSteps,
  );
}

function seedCell({ approach, seedApproach }: JobResult): Cell {
  const text = shortApproach(seedApproach);
  if (approach === null) return { text };
  return { text, tone: approach === seedApproach ? 'good' : 'bad' };
}

function attainmentCell({ sloAttainment, verdict }: ScalerOutcome): Cell {
  const text = formatShare(sloAttainment);
  return verdict === 'held' ? { text } : { text, tone: 'bad' };
}

function pointText({ operatingPoint: { batchSize, instances } }: ScalerOutcome): string {
  return `${batchSize}\u2009\u00d7\u2009${instances}`;
}

function percent(value: number | null): string {
  if (value === null) return '-';
  return `${value < 0 ? '\u2212' : '+'}${Math.abs(value).toFixed(0)}%`;
}
