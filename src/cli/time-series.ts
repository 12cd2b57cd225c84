import { writeFile } from 'node:fs/promises';
import { writeCsv } from '../csv.ts';
import { DnnScalerError } from '../errors.ts';
import type { RunResult } from '../serving/run-result.ts';

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
  try {
    await writeFile(file, writeCsv([header, ...rows]));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DnnScalerError('invalid-argument', `--csv cannot be written: ${why}`, {
      cause: error,
    });
  }
}
