import { writeCsv } from '../../csv.ts';
import type { LoadWindow } from './load-result.ts';

const header = [
  'time_ms',
  'duration_ms',
  'is_warm_up',
  'sent',
  'answered',
  'within_slo',
  'shed',
  'errors',
  'outstanding',
  'throughput_per_s',
  'p50_ms',
  'p95_ms',
  'p99_ms',
];

/** The windows of a load as CSV, a line each; cells without a value are empty. */
export function seriesCsv(windows: readonly LoadWindow[]): string {
  const rows = windows.map((window) => [
    window.timeMs.toFixed(1),
    window.durationMs.toFixed(1),
    String(window.isWarmUp),
    window.sent,
    window.answered,
    window.withinSlo,
    window.shed,
    window.errors,
    window.outstanding,
    ((window.answered / window.durationMs) * 1000).toFixed(3),
    ...[window.p50Ms, window.p95Ms, window.p99Ms].map((ms) =>
      Number.isNaN(ms) ? '' : ms.toFixed(3),
    ),
  ]);
  return writeCsv([header, ...rows]);
}
