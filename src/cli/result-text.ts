import type { Accuracy } from '../datasets/accuracy.ts';
import { formatPoint } from '../operating-point.ts';
import { describeProfile } from '../scaling/profiler.ts';
import type { RunResult } from '../serving/run-result.ts';
import { formatSlo, percentileName } from '../slo.ts';
import { formatMs, formatPerJoule, formatPerS, formatShare, formatWatts } from '../units.ts';
import type { RowSourceStats } from '../workload/row-source.ts';
import { renderTable } from './text-table.ts';

const verdictWords: Readonly<Record<RunResult['verdict'], string>> = {
  held: 'held',
  'not-held': 'NOT HELD',
  infeasible: 'INFEASIBLE',
  undecided: 'UNDECIDED',
};

/** The summary of one run, for people. */
export function summarize(model: string, result: RunResult): string {
  const { slo } = result;
  const percentile = percentileName(slo.percentile);
  const lines = [
    `${model} on ${result.engine}${result.simulated ? ' (simulated)' : ''}`,
    `  SLO          ${formatSlo(slo)}: ${verdictWords[result.verdict]}`,
    ...(result.profile === null || result.approach === null
      ? []
      : [`  verdict      ${describeProfile({ ...result.profile, approach: result.approach })}`]),
    `  point        ${formatPoint(result.operatingPoint)}, after ${plural(result.decisionsToSteady, 'change')}`,
    `  throughput   ${formatPerS(result.throughputPerS)}`,
    ...describePower(result),
    `  latency      p50 ${formatMs(result.latencyMs.p50)}, p95 ${formatMs(result.latencyMs.p95)}, p99 ${formatMs(result.latencyMs.p99)}`,
    `  within SLO   ${formatShare(result.sloAttainment)} of requests; ${percentile} ${formatMs(result.controlledMs)}`,
    `  requests     ${result.requests.answered} answered, ${result.requests.failed} failed`,
  ];
  if (wasChanging(result)) {
    lines.push(
      '  note         the operating point was still changing: figures are of about the last half',
    );
  }
  if (result.verdict === 'infeasible') {
    lines.push(
      `  note         no operating point is likely to hold this SLO here; the best is ${percentile} ${formatMs(result.controlledMs)} at ${formatPoint(result.operatingPoint)}`,
    );
  }
  return [...lines, ...result.notes.map((note) => `  note         ${note}`)].join('\n');
}

/** Where nothing was decided, that is not what is amiss. */
function wasChanging({ steady, verdict }: RunResult): boolean {
  return !steady && verdict !== 'undecided';
}

const powerColumns = [
  { heading: 'power', align: 'right' },
  { heading: 'per joule', align: 'right' },
] as const;

function describePower({ power, throughputPerWatt }: RunResult): string[] {
  if (power === null || throughputPerWatt === null) return [];
  const { meter, meanWatts, energyJoules } = power;
  return [
    `  power        ${formatWatts(meanWatts)} on average (${meter}): ${formatPerJoule(throughputPerWatt)}, ${energyJoules.toFixed(0)} J in steady state`,
  ];
}

/** Several scalers on one model, a line each. */
export function compareTable(results: readonly RunResult[]): string {
  const base = results[0]?.throughputPerS ?? Number.NaN;
  const percentile = percentileName(results[0]?.slo.percentile ?? 0.95);
  const isMetered = results.some(({ power }) => power !== null);
  return renderTable(
    [
      { heading: 'scaler' },
      { heading: 'point' },
      { heading: 'throughput', align: 'right' },
      { heading: 'ratio', align: 'right' },
      ...(isMetered ? powerColumns : []),
      { heading: percentile, align: 'right' },
      { heading: 'within SLO', align: 'right' },
      { heading: 'changes', align: 'right' },
      { heading: 'SLO' },
    ],
    results.map((result) => [
      result.scaler,
      formatPoint(result.operatingPoint),
      formatPerS(result.throughputPerS),
      `${(result.throughputPerS / base).toFixed(2)}x`,
      ...(isMetered
        ? [
            formatWatts(result.power?.meanWatts ?? Number.NaN),
            formatPerJoule(result.throughputPerWatt ?? Number.NaN),
          ]
        : []),
      formatMs(result.controlledMs),
      formatShare(result.sloAttainment),
      String(result.decisionsToSteady),
      `${verdictWords[result.verdict]}${wasChanging(result) ? ', still changing' : ''}`,
    ]),
  );
}

/** What became of the input, where there is something to say. */
export function describeInput(stats: RowSourceStats, accuracy: Accuracy | null): string[] {
  const lines: string[] = accuracy === null ? [] : [describeAccuracy(accuracy)];
  if (stats.skipped > 0) {
    const examples = stats.skippedExamples.map(({ name, reason }) => `${name}: ${reason}`);
    lines.push(
      `${plural(stats.skipped, 'input')} could not be read and ${stats.skipped === 1 ? 'was' : 'were'} skipped`,
    );
    lines.push(...examples.map((example) => `  ${example}`));
  }
  return lines;
}

function describeAccuracy(accuracy: Accuracy): string {
  if ('notReported' in accuracy) return `accuracy not reported: ${accuracy.notReported}`;
  const { images, top1, top5 } = accuracy;
  return `accuracy: top-1 ${formatShare(top1)}, top-5 ${formatShare(top5)} of ${plural(images, 'image')}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
