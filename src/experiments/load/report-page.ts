import { formatSlo, percentileName } from '../../slo.ts';
import { formatMs, formatPerS, formatShare } from '../../units.ts';
import { Markup, html } from '../report/markup.ts';
import { css } from '../report/style.ts';
import { ChartPainter } from '../report/svg.ts';
import type { LoadResult } from './load-result.ts';
import {
  latencyOverTime,
  outstandingOverTime,
  percentileCurve,
  ratesOverTime,
} from './report-charts.ts';

/** A load and how it was made. */
export interface LoadReport {
  readonly model: string;
  readonly url: string;
  /** How the load was made: name and value of each setting, for people. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly result: LoadResult;
}

/** The report: one HTML page with its style and charts inside, asking the network for nothing. */
export function loadReportHtml(report: LoadReport): string {
  const { model, result } = report;
  const painter = new ChartPainter();
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Load on ${model}</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Markup(css)}
        </style>
      </head>
      <body>
        <main>
          ${headline(report)} ${charts(result, painter)} ${losses(result)} ${notes(result)}
          ${settings(report)}
        </main>
      </body>
    </html> `.text;
}

function headline({ model, url, result }: LoadReport): Markup {
  const { slo, latencyMs } = result;
  const count = (value: number): string => value.toLocaleString('en-US');
  const cards = [
    {
      name: formatSlo(slo),
      value: result.verdict === 'held' ? 'held' : 'NOT held',
      note: `${formatShare(result.sloAttainment)} of the requests within it`,
    },
    {
      name: 'goodput',
      value: formatPerS(result.goodputPerS),
      note: 'answered within the SLO',
    },
    {
      name: 'throughput',
      value: formatPerS(result.throughputPerS),
      note: 'answered at all',
    },
    {
      name: percentileName(slo.percentile),
      value: formatMs(result.controlledMs),
      note: `p50 ${formatMs(latencyMs.p50)}, p99 ${formatMs(latencyMs.p99)}, longest ${formatMs(latencyMs.max)}`,
    },
    {
      name: 'requests',
      value: count(result.sent),
      note: `${count(result.answered)} answered, ${count(result.shed)} shed, ${count(result.errors)} errors`,
    },
  ];
  return html`<h1>Load on ${model}</h1>
    <p>
      ${url}, for
      ${formatMs(result.durationMs)}${result.warmupMs > 0 ? ` after a warm-up of ${formatMs(result.warmupMs)}` : ''}.
      Latencies count from when a request was due, so what a stalled server made wait is in them.
    </p>
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

function charts(result: LoadResult, painter: ChartPainter): Markup {
  const figure = (title: string, chart: Markup, caption: string): Markup =>
    html`<figure>
      <h3>${title}</h3>
      ${chart}
      <figcaption>${caption}</figcaption>
    </figure>`;
  const warmUp =
    result.warmupMs > 0 ? ` The first ${formatMs(result.warmupMs)} are the warm-up.` : '';
  return html`<div class="charts wide">
    ${figure(
      'Latency over time',
      latencyOverTime(painter, result),
      `Of the requests answered in each window; a gap is a window without answers.${warmUp}`,
    )}
    ${figure(
      'Latency by percentile',
      percentileCurve(painter, result),
      'The SLO is held where the curve passes under the corner of the dashed line.',
    )}
    ${figure(
      'Requests per second',
      ratesOverTime(painter, result),
      'Sent counts when requests were due, the others when they ended.',
    )}
    ${figure(
      'Requests under way',
      outstandingOverTime(painter, result),
      'At the end of each window; what grows without end is a queue.',
    )}
  </div>`;
}

function losses({ errorsByReason, shed }: LoadResult): Markup {
  const rows = [
    ...(shed > 0 ? [['shed (429 or 503)', shed] as const] : []),
    ...Object.entries(errorsByReason),
  ];
  if (rows.length === 0) return html``;
  return html`<h2>Requests without an answer</h2>
    ${pairs(rows.map(([reason, count]) => [reason, count.toLocaleString('en-US')]))}`;
}

function notes({ notes: sentences }: LoadResult): Markup {
  if (sentences.length === 0) return html``;
  return html`<h2>Notes</h2>
    <ul class="sources">
      ${sentences.map((sentence) => html`<li>${sentence}</li>`)}
    </ul>`;
}

function settings({ settings: list, result }: LoadReport): Markup {
  const { sinceSentMs, lagMs } = result;
  const generator: readonly (readonly [string, string])[] = [
    [
      'latency since sent',
      `p50 ${formatMs(sinceSentMs.p50)}, p95 ${formatMs(sinceSentMs.p95)}, p99 ${formatMs(sinceSentMs.p99)}`,
    ],
    ...(Number.isNaN(lagMs.max)
      ? []
      : [
          [
            'lag of the generator',
            `p50 ${formatMs(lagMs.p50)}, p99 ${formatMs(lagMs.p99)}, longest ${formatMs(lagMs.max)}`,
          ] as const,
        ]),
  ];
  return html`<h2>How the load was made</h2>
    ${pairs([...list, ...generator])}`;
}

function pairs(rows: readonly (readonly [name: string, value: string])[]): Markup {
  return html`<table>
    <tbody>
      ${rows.map(
        ([name, value]) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td>${value}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}
