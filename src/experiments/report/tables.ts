import type { Approach } from '../../scaling/scaler.ts';
import { formatMs, formatPerS, formatShare } from '../../units.ts';
import type { Comparison, JobResult } from '../comparison.ts';
import { ratioOf } from '../comparison.ts';
import type { Reproduction } from '../reproduce.ts';
import type { ScalerOutcome } from '../run-job.ts';
import { approachName } from '../why.ts';
import type { Markup } from './markup.ts';
import { html } from './markup.ts';

interface Cell {
  readonly text: string;
  readonly tone?: 'good' | 'bad';
}

interface Column<Row> {
  readonly heading: string;
  readonly isNumber?: boolean;
  cell(row: Row): string | Cell;
}

/** A table that scrolls sideways within the page; its first column stays in sight. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Markup {
  const kind = (column: Column<Row>): string => (column.isNumber === true ? 'n' : '');
  const cellOf = (column: Column<Row>, row: Row, index: number): Markup => {
    const value = column.cell(row);
    const { text, tone = '' } = typeof value === 'string' ? { text: value } : value;
    return index === 0
      ? html`<th scope="row">${text}</th>`
      : html`<td class="${`${kind(column)} ${tone}`.trim()}">${text}</td>`;
  };
  return html`<p class="soft hint">The table scrolls sideways.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${kind(column)}">${column.heading}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${columns.map((column, i) => cellOf(column, row, i))}</tr>`)}
</tbody></table></div>`;
}

const datasetNames: Readonly<Record<string, string>> = {
  imagenet: 'ImageNet',
  caltech256: 'Caltech-256',
  ledov: 'LEDOV',
  dhf1k: 'DHF1K',
};

export function datasetName(dataset: string): string {
  return datasetNames[dataset] ?? dataset;
}

const sourceNames: Readonly<Record<JobResult['curveSource'], string>> = {
  measured: 'measured',
  'other-dataset': 'other dataset',
  inferred: 'inferred',
};

const identity: readonly Column<JobResult>[] = [
  { heading: 'job', cell: ({ job, network }) => `${job} ${network}` },
  { heading: 'dataset', cell: ({ dataset }) => datasetName(dataset) },
  { heading: 'SLO', isNumber: true, cell: ({ sloMs }) => formatMs(sloMs) },
];

const decision: readonly Column<JobResult>[] = [
  { heading: 'TI_B', isNumber: true, cell: (job) => percent(job.tiBatchingPercent) },
  { heading: 'TI_MT', isNumber: true, cell: (job) => percent(job.tiMultiTenancyPercent) },
  { heading: 'chosen', cell: ({ approach }) => approachName(approach) },
];

/** Everything about the main comparison, a line per job. */
export function jobTable({ jobs }: Comparison, scalers: readonly string[]): Markup {
  return table<JobResult>(
    [
      ...identity,
      {
        heading: 'curve by instances / by batch',
        cell: ({ curveSource, batchPathSource }) => `${sourceNames[curveSource]} / ${batchPathSource}`,
      },
      ...decision,
      { heading: 'seed chose', cell: seedCell },
      ...scalers.flatMap((scaler) => outcomeColumns(scaler)),
      ratioColumn,
    ],
    jobs,
  );
}

/** The same jobs under other conditions: only what can have changed. */
export function shortTable({ jobs }: Comparison, scalers: readonly string[]): Markup {
  const columns = scalers.flatMap((scaler) => outcomeColumns(scaler).slice(0, 4));
  return table<JobResult>([...identity, ...decision, ...columns, ratioColumn], jobs);
}

function outcomeColumns(scaler: string): readonly Column<JobResult>[] {
  const of = (pick: (outcome: ScalerOutcome) => string | Cell) => (job: JobResult) => {
    const outcome = job.outcomes[scaler];
    return outcome === undefined ? '-' : pick(outcome);
  };
  return [
    { heading: `${scaler}: point`, cell: of((outcome) => pointText(outcome)) },
    { heading: 'through- put', isNumber: true, cell: of((o) => formatPerS(o.throughputPerS)) },
    { heading: 'p95', isNumber: true, cell: of((o) => formatMs(o.p95Ms)) },
    { heading: 'within SLO', isNumber: true, cell: of(attainmentCell) },
    {
      heading: 'decisions',
      isNumber: true,
      cell: of((o) => (o.steady ? String(o.decisionsToSteady) : 'never steady')),
    },
  ];
}

const ratioColumn: Column<JobResult> = {
  heading: 'DNNScaler / Clipper',
  isNumber: true,
  cell: (job) => {
    const ratio = ratioOf(job);
    return ratio === undefined ? '-' : `${ratio.toFixed(2)}x`;
  },
};

/** The fair comparison beside the seed's: DNNScaler on p95 and on the mean. */
export function controlTable({ serial, seedControl }: Reproduction): Markup {
  const pairs = serial.jobs.flatMap((fair) => {
    const unfair = seedControl.jobs.find(({ job }) => job === fair.job);
    const onP95 = fair.outcomes['dnnscaler'];
    const onMean = unfair?.outcomes['dnnscaler'];
    return onP95 === undefined || onMean === undefined ? [] : [{ job: fair, onP95, onMean }];
  });
  return table<(typeof pairs)[0]>(
    [
      ...identity.map((column) => ({
        ...column,
        cell: ({ job }: (typeof pairs)[0]) => column.cell(job),
      })),
      { heading: 'on p95: point', cell: ({ onP95 }) => pointText(onP95) },
      { heading: 'through- put', isNumber: true, cell: ({ onP95 }) => formatPerS(onP95.throughputPerS) },
      { heading: 'within SLO', isNumber: true, cell: ({ onP95 }) => attainmentCell(onP95) },
      { heading: 'on the mean: point', cell: ({ onMean }) => pointText(onMean) },
      { heading: 'through- put', isNumber: true, cell: ({ onMean }) => formatPerS(onMean.throughputPerS) },
      { heading: 'within SLO', isNumber: true, cell: ({ onMean }) => attainmentCell(onMean) },
    ],
    pairs,
  );
}

/** Recovery after each step of the SLO, for every job and scaler. */
export function stepTable({ sloSteps, scalers }: Reproduction): Markup {
  type Row = Reproduction['sloSteps'][0];
  const phaseColumns = (index: number, name: string, scaler: string): readonly Column<Row>[] => {
    const phaseOf = (row: Row) => row.runs.find((run) => run.scaler === scaler)?.phases[index];
    return [
      {
        heading: `${name}, ${scaler}: recovered after`,
        isNumber: true,
        cell: (row) => {
          const recoveryMs = phaseOf(row)?.recoveryMs ?? null;
          return recoveryMs === null ? { text: 'never', tone: 'bad' } : formatSeconds(recoveryMs);
        },
      },
      {
        heading: 'requests over',
        isNumber: true,
        cell: (row) => {
          const phase = phaseOf(row);
          if (phase === undefined) return '-';
          return `${phase.requestsOverSlo.toLocaleString('en-US')} of ${phase.requests.toLocaleString('en-US')}`;
        },
      },
    ];
  };
  return table<Row>(
    [
      { heading: 'job', cell: ({ job, network }) => `${job} ${network}` },
      {
        heading: 'SLO',
        cell: ({ runs }) =>
          runs[0]?.phases.map(({ limitMs }) => String(Number(limitMs.toFixed(1)))).join(' > ') ?? '-',
      },
      ...scalers.flatMap((scaler) => phaseColumns(1, 'down', scaler)),
      ...scalers.flatMap((scaler) => phaseColumns(2, 'up', scaler)),
    ],
    sloSteps,
  );
}

function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function seedCell({ approach, seedApproach }: JobResult): Cell {
  const text = approachName(seedApproach satisfies Approach);
  if (approach === null) return { text };
  return approach === seedApproach ? { text, tone: 'good' } : { text, tone: 'bad' };
}

function attainmentCell({ sloAttainment, verdict }: ScalerOutcome): Cell {
  const text = formatShare(sloAttainment);
  return verdict === 'held' ? { text } : { text, tone: 'bad' };
}

function pointText({ operatingPoint: { batchSize, instances } }: ScalerOutcome): string {
  return `${batchSize} x ${instances}`;
}

function percent(value: number | null): string {
  if (value === null) return '-';
  return `${value < 0 ? '\u2212' : '+'}${Math.abs(value).toFixed(0)}%`;
}
