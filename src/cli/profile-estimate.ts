import { estimateCurve } from '../estimation/index.ts';
import { ChartPainter } from '../experiments/report/svg.ts';
import { probedInstances } from '../scaling/multi-tenancy.ts';
import { formatMs } from '../units.ts';
import type { MeasureOptions } from './measure-points.ts';
import { measurePoints } from './measure-points.ts';
import type { OpenedModel } from './open-model.ts';
import { writeOutput } from './output-file.ts';
import { knownNetworks } from './profiles.ts';
import { renderTable } from './text-table.ts';

/** Latencies by instances at the smallest batch: measured, and estimated from two of them. */
export interface CurveReport {
  /** The counts that the estimate saw. */
  readonly observed: readonly number[];
  readonly cells: readonly {
    readonly instances: number;
    readonly measuredMs: number;
    readonly estimatedMs: number;
  }[];
  /** Mean absolute percentage error over the counts not seen; null when there are none. */
  readonly meanErrorPercent: number | null;
}

/** Measures every count of instances, and estimates them from the first and the paper's eighth. */
export async function measureCurve(
  model: OpenedModel,
  options: MeasureOptions,
): Promise<CurveReport> {
  const { minBatchSize: batchSize, maxInstances } = model.engine.limits;
  const counts = Array.from({ length: maxInstances }, (_, i) => i + 1);
  const points = counts.map((instances) => ({ batchSize, instances }));
  const observations = await measurePoints(model, points, options);
  const measured = observations.map(({ requestLatency }) => requestLatency.p50Ms);
  const observed = [...new Set([1, Math.min(probedInstances, maxInstances)])];
  // Its own row from an earlier run would be an answer rather than an estimate.
  const library = (await knownNetworks(model)).filter(({ name }) => name !== model.name);
  const seen = new Map(observed.map((count) => [count, measured[count - 1] as number]));
  const estimates = estimateCurve(seen, counts, library);
  const cells = counts.map((instances, i) => ({
    instances,
    measuredMs: measured[i] as number,
    estimatedMs: estimates[i] as number,
  }));
  const unseen = cells.filter(({ instances }) => !seen.has(instances));
  const errors = unseen.map(
    ({ measuredMs, estimatedMs }) => (100 * Math.abs(estimatedMs - measuredMs)) / measuredMs,
  );
  return {
    observed,
    cells,
    meanErrorPercent:
      errors.length === 0 ? null : errors.reduce((sum, error) => sum + error, 0) / errors.length,
  };
}

const plotWidth = 40;

/** A table with both curves drawn beside it: `#` measured, `o` estimated. */
export function describeCurve({ cells, observed, meanErrorPercent }: CurveReport): string {
  const top = Math.max(
    ...cells.flatMap(({ measuredMs, estimatedMs }) => [measuredMs, estimatedMs]),
  );
  const column = (ms: number): number => Math.max(1, Math.round((ms / top) * plotWidth));
  const table = renderTable(
    [
      { heading: 'instances', align: 'right' },
      { heading: 'measured', align: 'right' },
      { heading: 'estimated', align: 'right' },
      { heading: '', align: 'right' },
      { heading: '# measured, o estimated' },
    ],
    cells.map(({ instances, measuredMs, estimatedMs }) => {
      const error = (100 * (estimatedMs - measuredMs)) / measuredMs;
      const bar = '#'.repeat(column(measuredMs)).padEnd(plotWidth).split('');
      bar[column(estimatedMs) - 1] = 'o';
      return [
        String(instances),
        formatMs(measuredMs),
        formatMs(estimatedMs),
        observed.includes(instances) ? 'seen' : `${error < 0 ? '' : '+'}${error.toFixed(0)}%`,
        bar.join(''),
      ];
    }),
  );
  const error =
    meanErrorPercent === null
      ? 'Every count was seen, so there is nothing to estimate (--max-instances allows more).'
      : `Mean error over the counts not seen: ${meanErrorPercent.toFixed(1)}%.`;
  return `${table}\n${error}`;
}

/** @throws DnnScalerError `invalid-argument` when the file cannot be written */
export async function writeCurvePlot(
  file: string,
  model: string,
  { cells }: CurveReport,
): Promise<void> {
  const line = (name: string, of: (cell: CurveReport['cells'][0]) => number) => ({
    name,
    type: 'line',
    data: cells.map((cell) => [cell.instances, Number(of(cell).toPrecision(4))]),
  });
  const svg = new ChartPainter().draw(
    {
      title: { text: `${model}: median latency by instances`, left: 'center' },
      legend: { top: 28 },
      grid: { left: 60, right: 24, top: 64, bottom: 48 },
      xAxis: {
        type: 'value',
        name: 'instances',
        min: 1,
        minInterval: 1,
        nameLocation: 'middle',
        nameGap: 28,
      },
      yAxis: { type: 'value', name: 'ms', min: 0 },
      series: [
        line('measured', (cell) => cell.measuredMs),
        line('estimated', (cell) => cell.estimatedMs),
      ],
    },
    { width: 720, height: 420 },
    'measured and estimated latency by instances',
  ).text;
  const head = '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="420" ';
  await writeOutput('--plot', file, svg.replace(/^<svg /, head));
}
