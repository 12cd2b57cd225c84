import type { Approach } from '../../scaling/scaler.ts';
import { makeSlo } from '../../slo.ts';
import type { JobSloSteps, Reproduction } from '../reproduce.ts';
import { mainComparison } from '../reproduce.ts';
import { durationFor } from '../run-job.ts';
import { stepDownShare } from '../slo-step.ts';
import { approachName } from '../why.ts';
import { timeSeries } from './charts.ts';
import type { Markup } from './markup.ts';
import { html } from './markup.ts';
import { datasetName } from './names.ts';
import type { ChartPainter } from './svg.ts';
import { stepTable } from './tables.ts';

/** How the scalers follow an SLO that steps down and up. */
export function steps(reproduction: Reproduction, painter: ChartPainter): Markup {
  if (reproduction.sloSteps.length === 0) return html``;
  const charts = chooseSteps(reproduction).map(({ job, network, dataset, runs }) => {
    const title = `Job ${job}: ${network} on ${datasetName(dataset)}`;
    const slo = runs[0]?.phases ?? [];
    const windows = Object.fromEntries(runs.map((run) => [run.scaler, run.windows]));
    return html`<figure>
      <h3>${title}</h3>
      ${timeSeries(painter, windows, slo, `${title}: p95 and knob over time while the SLO steps down and up`)}
    </figure>`;
  });
  return html`<h2>An SLO that changes while running</h2>
    <p>
      The SLO falls to ${(stepDownShare * 100).toFixed(0)}% of the job's and later rises to it
      again. A scaler has recovered at the end of the first window that holds the new SLO with at
      least 90% of the throughput that it ends the phase with. Requests over are all that took
      longer than the SLO in force when they were answered, those under way at the step included.
    </p>
    <div class="charts">${charts}</div>
    ${stepTable(reproduction)}`;
}

/** The jobs on which both steps moved DNNScaler: two with each approach. */
function chooseSteps({ sloSteps, serial }: Reproduction): readonly JobSloSteps[] {
  const byApproach = new Map<Approach | null, number>();
  return sloSteps.filter(({ job, runs }) => {
    const { phases, windows } = runs.find(({ scaler }) => scaler === 'dnnscaler') ?? {
      phases: [],
      windows: [],
    };
    const points = phases.map(({ toMs }) => {
      const point = windows.findLast(({ timeMs }) => timeMs <= toMs)?.point;
      return point === undefined ? '' : `${point.batchSize},${point.instances}`;
    });
    if (points[0] === points[1] || points[1] === points[2]) return false;
    const approach = serial.jobs.find((result) => result.job === job)?.approach ?? null;
    const chosen = byApproach.get(approach) ?? 0;
    byApproach.set(approach, chosen + 1);
    return chosen < 2;
  });
}

/** Latency and knob of each job over time. */
export function series(reproduction: Reproduction, painter: ChartPainter): Markup {
  const { series: byJob, serial } = reproduction;
  const figures = mainComparison(reproduction).jobs.map(
    ({ job, network, dataset, sloMs, approach }) => {
      const windows = byJob.get(job) ?? {};
      const title = `Job ${job}: ${network} on ${datasetName(dataset)}`;
      const ends = Object.values(windows).map((of) => of.at(-1)?.timeMs ?? 0);
      const toMs = reproduction.simulation ? durationFor(makeSlo(sloMs)) : Math.max(...ends);
      const slo = [{ fromMs: 0, toMs, limitMs: sloMs }];
      return html`<figure>
        <h3>${title}</h3>
        ${timeSeries(painter, windows, slo, `${title}: p95 and knob over time`)}
        <figcaption>
          ${approach === null ? '' : `DNNScaler chose ${approachName(approach)}.`}
        </figcaption>
      </figure>`;
    },
  );
  return html`<h2>Latency and knob of each job over time</h2>
    <p class="soft">
      Images decoded ${serial.jobs.length > 0 ? 'inside' : 'beside'} the call. DNNScaler's first
      windows are its probes, (1,1), (32,1) and (1,8) as far as the machine allows, which may lie
      beyond the axes.
    </p>
    <div class="charts">${figures}</div>`;
}
