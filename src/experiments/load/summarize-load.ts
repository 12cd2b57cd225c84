import { formatMs, formatShare } from '../../units.ts';
import { percentileName } from '../../slo.ts';
import { samplesFor } from '../../telemetry/quantile.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import type { LoadResult, LoadWindow, PercentilePoint } from './load-result.ts';
import type { LoadTally } from './load-tally.ts';

/** What the tally does not know of a load. */
export interface LoadFacts {
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly windows: readonly LoadWindow[];
  readonly maxInFlight: number;
  readonly maxLagMs: number;
  /** Requests under way when the load was interrupted, which nothing is known of. */
  readonly abandoned: number;
}

/** Reduces what was counted to the result; figures without a request behind them are NaN. */
export function summarizeLoad(tally: LoadTally, facts: LoadFacts): LoadResult {
  const { slo, latency, sinceSent, lag } = tally;
  const { durationMs, warmupMs, windows } = facts;
  const sloAttainment = tally.withinSlo / (tally.settled + tally.unsent);
  const errorsByReason = Object.fromEntries(
    [...tally.failures].map(([reason, { count }]) => [reason, count]),
  );
  return {
    slo,
    verdict: sloAttainment >= slo.percentile ? 'held' : 'not-held',
    sent: tally.settled,
    answered: tally.answered,
    shed: tally.shed,
    errors: tally.errors,
    unsent: tally.unsent,
    throughputPerS: (tally.answeredInTime / durationMs) * 1000,
    goodputPerS: (tally.withinSlo / durationMs) * 1000,
    sloAttainment,
    latencyMs: {
      p50: latency.quantileMs(0.5),
      p95: latency.quantileMs(0.95),
      p99: latency.quantileMs(0.99),
      p999: latency.quantileMs(0.999),
      mean: latency.meanMs,
      max: latency.maxMs,
    },
    controlledMs: latency.quantileMs(slo.percentile),
    sinceSentMs: {
      p50: sinceSent.quantileMs(0.5),
      p95: sinceSent.quantileMs(0.95),
      p99: sinceSent.quantileMs(0.99),
    },
    lagMs: { p50: lag.quantileMs(0.5), p99: lag.quantileMs(0.99), max: lag.maxMs },
    durationMs,
    warmupMs,
    errorsByReason,
    percentiles: percentileCurve(latency),
    windows,
    notes: [...failureNotes(tally), ...generatorNotes(tally, facts), ...sampleNotes(tally)],
  };
}

/** Eight shares for each further nine, up to where a single request is beyond; then the slowest. */
function percentileCurve(latency: LatencyHistogram): readonly PercentilePoint[] {
  if (latency.count === 0) return [];
  const points: PercentilePoint[] = [];
  for (let beyond = 1; beyond * latency.count >= 1; beyond *= 10 ** (-1 / 8)) {
    const share = Math.max(1 - beyond, 1 / latency.count);
    points.push({ share, latencyMs: latency.quantileMs(share) });
  }
  return [...points, { share: 1, latencyMs: latency.maxMs }];
}

function failureNotes({ failures, shed, firstShed }: LoadTally): string[] {
  const notes = [...failures].map(([reason, { count, message }]) => {
    const first = message === undefined ? '' : `; the first: ${message}`;
    return `${count} of the requests failed: ${reason}${first}`;
  });
  if (shed > 0) notes.push(`${shed} of the requests were shed; the first: ${firstShed ?? ''}`);
  return notes;
}

/** Lag that is worth a word: what may move the latency at the SLO's percentile. */
function noticeableLagMs(limitMs: number): number {
  return Math.max(2, 0.1 * limitMs);
}

function generatorNotes({ lag, slo, unsent, waited }: LoadTally, facts: LoadFacts): string[] {
  const notes: string[] = [];
  const lateMs = lag.quantileMs(0.99);
  if (lateMs > noticeableLagMs(slo.limitMs)) {
    notes.push(
      `the generator fell behind: 1% of the requests left ${formatMs(lateMs)} or more after they ` +
        'were due, which their latencies include; this machine is too busy for the load',
    );
  }
  if (unsent > 0) {
    notes.push(
      `${unsent} arrivals were not sent, being over ${formatMs(facts.maxLagMs)} late: ` +
        'this machine cannot generate the load that was asked for',
    );
  }
  if (waited > 0) {
    notes.push(
      `${waited} of the requests found all ${facts.maxInFlight} connections busy and waited for one`,
    );
  }
  if (facts.abandoned > 0) {
    notes.push(`interrupted with ${facts.abandoned} requests under way, which are not counted`);
  }
  return notes;
}

function sampleNotes({ latency, slo }: LoadTally): string[] {
  const wanted = samplesFor(slo.percentile);
  if (latency.count >= wanted) return [];
  const name = percentileName(slo.percentile);
  return [
    `${latency.count} latencies are few: ${name} (${formatShare(slo.percentile)}) needs ${wanted} to mean something`,
  ];
}
