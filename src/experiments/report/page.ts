import { percentileName } from '../../slo.ts';
import type { Comparison, JobResult } from '../comparison.ts';
import { paperGains } from '../paper-jobs.ts';
import type { Reproduction } from '../reproduce.ts';
import { mainComparison } from '../reproduce.ts';
import { throughputBars } from './charts.ts';
import { control, differences, pipelined } from './findings.ts';
import { Markup, html } from './markup.ts';
import { gainText, scalerLabel } from './names.ts';
import { series, steps } from './over-time.ts';
import { surfaces } from './surfaces.ts';
import { css } from './style.ts';
import { ChartPainter } from './svg.ts';
import { jobTable } from './tables.ts';

/** The report: one HTML page with its style and charts inside, asking the network for nothing. */
export function reportHtml(reproduction: Reproduction): string {
  const painter = new ChartPainter();
  const sections = [
    html`<section class="upright">
      ${headline(reproduction)} ${throughput(reproduction, painter)}
    </section>`,
    jobs(reproduction),
    surfaces(reproduction, painter),
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
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>DNNScaler: the paper's experiment, reproduced</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Markup(css)}
        </style>
      </head>
      <body>
        <main>${sections}</main>
      </body>
    </html> `.text;
}

function headline(reproduction: Reproduction): Markup {
  const { pipelined, machine, simulation, seed, percentile, scalers } = reproduction;
  const main = mainComparison(reproduction);
  const { jobs } = main;
  const measured = jobs.filter(({ curveSource }) => curveSource === 'measured');
  const agreeing = (of: readonly JobResult[]): string =>
    `${of.filter(({ approach, seedApproach }) => approach === seedApproach).length} of ${of.length}`;
  const held = (scaler: string): string =>
    `${jobs.filter(({ outcomes }) => outcomes[scaler]?.verdict === 'held').length} of ${jobs.length}`;
  const cards = [
    ...(main.averageGainPercent === null || main.largestGain === null
      ? []
      : [
          {
            name: 'average gain over Clipper',
            value: gainText(main.averageGainPercent),
            note: `the paper: +${paperGains.averageGainPercent}%`,
          },
          {
            name: 'largest throughput ratio',
            value: `${main.largestGain.toFixed(1)}x`,
            note: `job ${main.largestGainJob}; the paper: up to ${paperGains.largestGain}x`,
          },
          ...(main === pipelined || pipelined.averageGainPercent === null
            ? []
            : [
                {
                  name: `average gain, images decoded ${simulation === null ? 'beside the calls' : 'beforehand'}`,
                  value: gainText(pipelined.averageGainPercent),
                  note: 'the paper: not reported',
                },
              ]),
        ]),
    ...(scalers.includes('dnnscaler')
      ? [
          {
            name: 'same approach as the seed',
            value: agreeing(jobs),
            note:
              simulation === null
                ? 'theirs was a Tesla P40'
                : `${agreeing(measured)} where latencies were measured`,
          },
        ]
      : []),
    {
      name: `jobs whose ${percentileName(percentile)} holds the SLO`,
      value: held(scalers.at(-1) as string),
      note: scalers.map((scaler) => `${scalerLabel(scaler)} ${held(scaler)}`).join(', '),
    },
  ];
  const where =
    simulation === null
      ? html`Everything is real: networks, engine, images and clock. The machine:
          <strong>${machine}</strong>.`
      : html`The scalers, queue, batcher and control loop are the ones that serve real traffic; only
        the GPU is simulated, from latencies that were measured on one.`;
  const noise =
    simulation === null ? '' : `, noise of each call ${simulation.noiseSigma} (sigma, lognormal)`;
  return html`<h1>
      Batching or Multi-Tenancy: the paper's jobs on
      ${simulation === null ? 'a real machine' : 'a simulated Tesla P40'}
    </h1>
    <p>
      ${jobs.length} of the jobs with which the authors of DNNScaler (arXiv 2308.13803) evaluated
      it, each under ${scalers.map(scalerLabel).join(' and ')}. ${where} Every scaler controls
      ${percentileName(percentile)} of the same requests. Seed ${seed}${noise}.
    </p>
    ${reproduction.notes.map((note) => html`<p class="soft">${note}</p>`)}
    <dl class="cards">
      ${cards.map(
        ({ name, value, note }) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
            <dd>${note}</dd>
          </div>`,
      )}
    </dl>`;
}

function throughput(
  { serial, pipelined, scalers, simulation }: Reproduction,
  painter: ChartPainter,
): Markup {
  const chart = (comparison: Comparison, title: string, note: string): Markup =>
    comparison.jobs.length === 0
      ? html``
      : html`<figure>
          <h3>${title}</h3>
          ${throughputBars(painter, comparison, scalers, `${title}: throughput of each job under ${scalers.map(scalerLabel).join(' and ')}`)}
          <figcaption>${note}</figcaption>
        </figure>`;
  return html`<h2>Throughput in steady state</h2>
    <div class="charts wide">
      ${chart(serial, 'Images decoded inside the call', 'As the authors ran it: an instance decodes the images of its batch one after the other, so instances multiply decoding as well as inference. At the end of the bars: DNNScaler over Clipper.')}
      ${
        simulation === null
          ? chart(
              pipelined,
              'Images decoded beside the calls',
              'Decoding runs ahead, on the processor, while the engine works; calls hold inference alone.',
            )
          : chart(
              pipelined,
              'Images decoded beforehand',
              'The GPU alone: co-located instances take turns at it, and what remains to be gained is what batches give.',
            )
      }
    </div>`;
}

function jobs(reproduction: Reproduction): Markup {
  const { scalers, simulation } = reproduction;
  const main = mainComparison(reproduction);
  const { averageGainPercent, largestGain } = main;
  const summary =
    averageGainPercent === null || largestGain === null
      ? html``
      : html`<p>
          On average DNNScaler answers ${averageGainPercent.toFixed(0)}% more requests per second
          than Clipper (the paper: ${paperGains.averageGainPercent}%), at most
          ${largestGain.toFixed(1)} times as many (the paper: up to ${paperGains.largestGain}
          times).
        </p>`;
  return html`<h2>Job by job</h2>
    ${summary}
    <p class="soft">
      Points are batch size × instances; B is Batching, MT Multi-Tenancy, and the seed is what the
      authors' scripts name. TI_B and TI_MT are the throughput improvements that the profiler
      measured for a batch of 32 and for eight instances, or as many as the machine allows.
      Decisions are probes and moves until the point came to rest; where it never did, figures are
      those of the last half of the run.
      ${simulation === null ? '' : 'Latencies by instances are measured, measured on another dataset, or inferred; an asterisk marks inferred latencies by batch size.'}
    </p>
    ${jobTable(main, scalers)}`;
}

function method({ simulation, seed }: Reproduction): Markup {
  if (simulation === null) return html``;
  const { timeSliceLaw } = simulation;
  const { factor, exponent, leaveOneOutErrorPercent } = timeSliceLaw;
  return html`<h2>Where the latencies come from</h2>
    <ul class="sources">
      <li>
        <strong>Measured:</strong> latency at batch 1 and 1 to 10 instances, from the authors' table
        for this network and dataset.
      </li>
      <li><strong>Other dataset:</strong> the same network in that table, on another dataset.</li>
      <li>
        <strong>Inferred:</strong> the authors never published the network's latencies by instances.
        Its GPU time slice is ${factor.toPrecision(3)} ms x (million
        multiply-adds)^${exponent.toFixed(3)}, fitted to the networks they did publish (error on a
        network left out: ${leaveOneOutErrorPercent.toFixed(0)}% on average); n instances take
        max(host + slice, n x slice), with the median host time of the dataset's measured rows. What
        the authors chose for a job plays no part in it.
      </li>
      <li>
        <strong>By batch size:</strong> fixed + per image x batch, fitted to the raw logs of
        BatchDVFS on a P40; where those hold too few batch sizes (inferred), the dataset's median
        decoding time and the GPU time per image give the slope.
      </li>
      <li>
        At batch 1 the two sources differ: the logs of BatchDVFS show 20 to 40 ms where the table of
        instances shows 5 to 10 ms. The table counts at batch 1, the line above it, so latency jumps
        between batch 1 and 2.
      </li>
      <li>
        The first call of an instance after a change takes 1.55 times as long, as in the logs;
        starting instances takes a second, which is an assumption and costs no steady throughput.
      </li>
    </ul>
    <p class="soft">The same seed (${seed}) gives the same report, to the byte.</p>`;
}
