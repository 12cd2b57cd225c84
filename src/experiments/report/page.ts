import type { Approach } from '../../scaling/scaler.ts';
import { percentileName } from '../../slo.ts';
import type { Comparison, JobResult } from '../comparison.ts';
import { paperGains } from '../paper-jobs.ts';
import type { JobSloSteps, Reproduction } from '../reproduce.ts';
import { stepDownShare } from '../slo-step.ts';
import { approachName } from '../why.ts';
import { throughputBars, timeSeries } from './charts.ts';
import { Markup, html } from './markup.ts';
import { css } from './style.ts';
import { ChartPainter } from './svg.ts';
import { controlTable, datasetName, jobTable, shortTable, stepTable } from './tables.ts';

/** The report: one HTML page with its style and charts inside, asking the network for nothing. */
export function reportHtml(reproduction: Reproduction): string {
  const painter = new ChartPainter();
  const sections = [
    headline(reproduction),
    throughput(reproduction, painter),
    jobs(reproduction),
    differences(reproduction),
    pipelined(reproduction),
    control(reproduction),
    steps(reproduction, painter),
    series(reproduction, painter),
    method(reproduction),
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DNNScaler: the paper's experiment, reproduced</title>
<link rel="icon" href="data:,">
<style>${new Markup(css)}</style>
</head>
<body><main>
${sections}
</main></body>
</html>
`.text;
}

function headline({ serial, pipelined, seed, noiseSigma, percentile, scalers }: Reproduction): Markup {
  const { jobs } = serial;
  const measured = jobs.filter(({ curveSource }) => curveSource === 'measured');
  const agreeing = (of: readonly JobResult[]): string =>
    `${of.filter(({ approach, seedApproach }) => approach === seedApproach).length} of ${of.length}`;
  const held = (scaler: string): string =>
    `${jobs.filter(({ outcomes }) => outcomes[scaler]?.verdict === 'held').length} of ${jobs.length}`;
  const cards = [
    ...(serial.averageGainPercent === null || serial.largestGain === null
      ? []
      : [
          {
            name: 'average gain over Clipper',
            value: gainText(serial.averageGainPercent),
            note: `the paper: +${paperGains.averageGainPercent}%`,
          },
          {
            name: 'largest throughput ratio',
            value: `${serial.largestGain.toFixed(1)}x`,
            note: `job ${serial.largestGainJob}; the paper: up to ${paperGains.largestGain}x`,
          },
          {
            name: 'average gain, images decoded beforehand',
            value: gainText(pipelined.averageGainPercent ?? Number.NaN),
            note: 'the paper: not reported',
          },
        ]),
    ...(scalers.includes('dnnscaler')
      ? [
          {
            name: 'same approach as the seed',
            value: agreeing(jobs),
            note: `${agreeing(measured)} where latencies were measured`,
          },
        ]
      : []),
    {
      name: `jobs whose ${percentileName(percentile)} holds the SLO`,
      value: held(scalers.at(-1) as string),
      note: scalers.map((scaler) => `${scaler} ${held(scaler)}`).join(', '),
    },
  ];
  return html`<h1>Batching or Multi-Tenancy: the paper's jobs on a simulated Tesla P40</h1>
<p>${jobs.length} of the jobs with which the authors of DNNScaler (arXiv 2308.13803) evaluated it, each under
${scalers.join(' and ')}. The scalers, queue, batcher and control loop are the ones that serve real
traffic; only the GPU is simulated, from latencies that were measured on one. Every scaler controls
${percentileName(percentile)} of the same requests. Seed ${seed}, noise of each call ${noiseSigma} (sigma, lognormal).</p>
<dl class="cards">
${cards.map(({ name, value, note }) => html`<div><dt>${name}</dt><dd>${value}</dd><dd>${note}</dd></div>`)}
</dl>`;
}

function throughput({ serial, pipelined, scalers }: Reproduction, painter: ChartPainter): Markup {
  const chart = (comparison: Comparison, title: string, note: string): Markup => html`<figure>
<h3>${title}</h3>
${throughputBars(painter, comparison, scalers, `${title}: throughput of each job under ${scalers.join(' and ')}`)}
<figcaption>${note}</figcaption></figure>`;
  return html`<h2>Throughput in steady state</h2>
<div class="charts wide">
${chart(serial, 'Images decoded inside the call', 'As the authors ran it: an instance decodes the images of its batch one after the other, so instances multiply decoding as well as inference. At the end of the bars: DNNScaler over Clipper.')}
${chart(pipelined, 'Images decoded beforehand', 'The GPU alone: co-located instances take turns at it, and what remains to be gained is what batches give.')}
</div>`;
}

function jobs({ serial, scalers }: Reproduction): Markup {
  const { averageGainPercent, largestGain } = serial;
  const summary =
    averageGainPercent === null || largestGain === null
      ? html``
      : html`<p>On average DNNScaler answers ${averageGainPercent.toFixed(0)}% more requests per second than Clipper
(the paper: ${paperGains.averageGainPercent}%), at most ${largestGain.toFixed(1)} times as many (the paper: up to
${paperGains.largestGain} times).</p>`;
  return html`<h2>Job by job</h2>
${summary}
<p class="soft">Points are batch size x instances. TI_B and TI_MT are the throughput improvements that the profiler
measured for a batch of 32 and for eight instances. Decisions are probes and moves until the point came
to rest; where it never did, figures are those of the last half of the run.</p>
${jobTable(serial, scalers)}`;
}

function differences({ serial, scalers }: Reproduction): Markup {
  const { jobs: all, averageGainPercent, largestGain } = serial;
  const different = all.filter((job) => job.why !== undefined);
  const unsteady = all.flatMap(({ job, outcomes }) =>
    scalers.filter((name) => outcomes[name]?.steady === false).map((name) => `${name} on job ${job}`),
  );
  const gains =
    averageGainPercent === null || largestGain === null
      ? []
      : [
          html`<li><strong>Gains.</strong> The average is ${gainText(averageGainPercent)} here and +${paperGains.averageGainPercent}% in the paper; the largest ratio
${largestGain.toFixed(1)} here and up to ${paperGains.largestGain} there. The paper averages 30 jobs, of which three were never published, and its
Clipper was held to p95 while its DNNScaler was held to the mean.</li>`,
        ];
  return html`<h2>Where the outcome differs from the paper's</h2>
<ul class="reasons">
${gains}
${different.map(
  ({ job, network, dataset, approach, seedApproach, why = '' }) =>
    html`<li><strong>Job ${job}, ${network} on ${datasetName(dataset)}:</strong> ${approachName(approach)} here, ${approachName(seedApproach)} in the authors' scripts: ${why}.</li>`,
)}
${
  unsteady.length === 0
    ? html``
    : html`<li><strong>No rest:</strong> ${unsteady.join(', ')}. A step of four overshoots where one image more already breaks the SLO, so it
grows and backs off for ever.</li>`
}
</ul>`;
}

function pipelined({ pipelined: comparison, scalers }: Reproduction): Markup {
  const approaches = comparison.jobs.map(({ approach }) => approach);
  const count = (wanted: Approach): number => approaches.filter((one) => one === wanted).length;
  const gain = comparison.averageGainPercent;
  return html`<h2>The same with images decoded beforehand</h2>
<p>In the authors' code an instance decodes its images one by one inside the timed call. Several instances decode
in parallel, one instance with a large batch does not, so much of what Multi-Tenancy gains there is
parallel decoding. With decoding out of the call the profiler chooses Batching for ${count('batching')} jobs and
Multi-Tenancy for ${count('multi-tenancy')}${gain === null ? '' : `, and the gain over Clipper, which also batches, is ${gainText(gain)} on average`}.</p>
${shortTable(comparison, scalers)}`;
}

function control(reproduction: Reproduction): Markup {
  const { seedControl, serial } = reproduction;
  if (seedControl.averageGainPercent === null || serial.averageGainPercent === null) return html``;
  const missed = seedControl.jobs.filter(({ outcomes }) => outcomes['dnnscaler']?.verdict !== 'held');
  return html`<h2>Controlling the mean for one and p95 for the other</h2>
<p>The authors' code held DNNScaler's <em>mean</em> latency within the SLO and Clipper's p95. Done their way the
average gain is ${gainText(seedControl.averageGainPercent)} instead of ${gainText(serial.averageGainPercent)}, and DNNScaler's p95 breaks the SLO in ${missed.length} of ${seedControl.jobs.length} jobs.
How far a mean may hide the tail depends on the noise, which is mild here.</p>
${controlTable(reproduction)}`;
}

function steps(reproduction: Reproduction, painter: ChartPainter): Markup {
  const charts = chooseSteps(reproduction).map(({ job, network, dataset, runs }) => {
    const title = `Job ${job}: ${network} on ${datasetName(dataset)}`;
    const slo = runs[0]?.phases ?? [];
    const windows = Object.fromEntries(runs.map((run) => [run.scaler, run.windows]));
    return html`<figure><h3>${title}</h3>
${timeSeries(painter, windows, slo, `${title}: p95 and knob over time while the SLO steps down and up`)}</figure>`;
  });
  return html`<h2>An SLO that changes while running</h2>
<p>The SLO falls to ${(stepDownShare * 100).toFixed(0)}% of the job's and later rises to it again. A scaler has recovered at the end of the first
window that holds the new SLO with at least 90% of the throughput that it ends the phase with.
Requests over are all that took longer than the SLO in force when they were answered, those under
way at the step included.</p>
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

function series({ series: byJob, serial }: Reproduction, painter: ChartPainter): Markup {
  const figures = serial.jobs.map(({ job, network, dataset, sloMs, approach }) => {
    const windows = byJob.get(job) ?? {};
    const endMs = Math.max(...Object.values(windows).map((of) => of.at(-1)?.timeMs ?? 0));
    const title = `Job ${job}: ${network} on ${datasetName(dataset)}`;
    const slo = [{ fromMs: 0, toMs: endMs, limitMs: sloMs }];
    return html`<figure><h3>${title}</h3>
${timeSeries(painter, windows, slo, `${title}: p95 and knob over time`)}
<figcaption>${approach === null ? '' : `DNNScaler chose ${approachName(approach)}.`}</figcaption></figure>`;
  });
  return html`<h2>Latency and knob of each job over time</h2>
<p class="soft">Images decoded inside the call. DNNScaler's first three windows are its probes: (1,1), (32,1) and (1,8).</p>
<div class="charts">
${figures}
</div>`;
}

function method({ timeSliceLaw, seed }: Reproduction): Markup {
  const { factor, exponent, leaveOneOutErrorPercent } = timeSliceLaw;
  return html`<h2>Where the latencies come from</h2>
<ul class="reasons">
<li><strong>Measured:</strong> latency at batch 1 and 1 to 10 instances, from the authors' table for this network and dataset.</li>
<li><strong>Other dataset:</strong> the same network in that table, on another dataset.</li>
<li><strong>Inferred:</strong> the authors never published the network's latencies by instances. Its GPU time slice is
${factor.toPrecision(3)} ms x (million multiply-adds)^${exponent.toFixed(3)}, fitted to the networks they did publish (error on a network left out: ${leaveOneOutErrorPercent.toFixed(0)}% on
average); n instances take max(host + slice, n x slice), with the median host time of the dataset's
measured rows. What the authors chose for a job plays no part in it.</li>
<li><strong>By batch size:</strong> fixed + per image x batch, fitted to the raw logs of BatchDVFS on a P40; where those hold
too few batch sizes (inferred), the dataset's median decoding time and the GPU time per image give the slope.</li>
<li>At batch 1 the two sources differ: the logs of BatchDVFS show 20 to 40 ms where the table of instances shows 5 to 10 ms. The table
counts at batch 1, the line above it, so latency jumps between batch 1 and 2.</li>
<li>The first call of an instance after a change takes 1.55 times as long, as in the logs; starting instances
takes a second, which is an assumption and costs no steady throughput.</li>
</ul>
<p class="soft">The same seed (${seed}) gives the same report, to the byte.</p>`;
}

function gainText(percent: number): string {
  return `${percent < -0.5 ? '\u2212' : '+'}${Math.abs(percent).toFixed(0)}%`;
}
