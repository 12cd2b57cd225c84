import { writeCsv } from '../csv.ts';
import type { RunResult } from '../serving/run-result.ts';
import { writeOutput } from './output-file.ts';

const header = [
  'scaler',
  'time_ms',
  'duration_ms',
  'batch_size',
  'instances',
  'threads_per_instance',
  'throughput_per_s',
  'power_watts',
  'p50_ms',
  'p95_ms',
  'p99_ms',
  'slo_limit_ms',
  'slo_attainment',
  'decision',
  'reason',
];

/** Writes the windows of some runs, a line each. */
export async function writeTimeSeries(file: string, results: readonly RunResult[]): Promise<void> {
  const rows = results.flatMap(({ scaler, windows }) =>
    windows.map((window) => [
      scaler,
      window.timeMs.toFixed(1),
      window.durationMs.toFixed(1),
      String(window.point.batchSize),
      String(window.point.instances),
      String(window.point.threadsPerInstance ?? ''),
      window.throughputPerS.toFixed(3),
      window.powerWatts?.toFixed(2) ?? '',
      window.p50Ms.toFixed(3),
      window.p95Ms.toFixed(3),
      window.p99Ms.toFixed(3),
      String(window.sloLimitMs),
      window.sloAttainment.toFixed(5),
      window.decision,
      window.reason,
    ]),
  );
  await writeOutput('--csv', file, writeCsv([header, ...rows]));
}
