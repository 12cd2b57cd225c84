import type { LoadResult } from '../experiments/load/load-result.ts';
import { formatSlo, percentileName } from '../slo.ts';
import { formatMs, formatPerS, formatShare } from '../units.ts';

const verdictWords: Readonly<Record<LoadResult['verdict'], string>> = {
  held: 'held',
  'not-held': 'NOT HELD',
};

/** The summary of one load, for people. */
export function summarizeLoadText(title: string, result: LoadResult): string {
  const { slo, latencyMs, sinceSentMs, lagMs } = result;
  const lines = [
    title,
    field('SLO', `${formatSlo(slo)}: ${verdictWords[result.verdict]}`),
    field(
      'goodput',
      `${formatPerS(result.goodputPerS)} of ${formatPerS(result.throughputPerS)} answered`,
    ),
    field(
      'latency',
      `p50 ${formatMs(latencyMs.p50)}, p95 ${formatMs(latencyMs.p95)}, p99 ${formatMs(latencyMs.p99)}, longest ${formatMs(latencyMs.max)}`,
    ),
    field(
      'within SLO',
      `${formatShare(result.sloAttainment)} of requests; ${percentileName(slo.percentile)} ${formatMs(result.controlledMs)}`,
    ),
    field(
      'requests',
      `${result.sent} sent, ${result.answered} answered, ${result.shed} shed, ${result.errors} errors`,
    ),
  ];
  // In a closed loop requests are due when they leave.
  if (!Number.isNaN(lagMs.max)) {
    lines.push(
      field(
        'since sent',
        `p50 ${formatMs(sinceSentMs.p50)}, p95 ${formatMs(sinceSentMs.p95)}, p99 ${formatMs(sinceSentMs.p99)}; they left ${formatMs(lagMs.p50)} late, ${formatMs(lagMs.p99)} at p99`,
      ),
    );
  }
  return [...lines, ...result.notes.map((note) => field('note', note))].join('\n');
}

function field(name: string, text: string): string {
  return `  ${name.padEnd(12)} ${text}`;
}
