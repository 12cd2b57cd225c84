import { sameKnobs } from '../operating-point.ts';
import type { WindowReport } from './deployment.ts';

export interface SteadyStretch {
  /** Index of its first window; the count of all where none speaks of steady state. */
  readonly from: number;
  /** Changes of the operating point before it. */
  readonly changesBefore: number;
  /**
   * False when the point went on changing: the stretch is then about the last half of the windows, and
   * begins where one at one point does.
   */
  readonly settled: boolean;
}

/** Windows that must follow the last change before a run counts as settled, */
const settledWindows = 3;
/** or the share of the measured time: the windows of slow networks are few and long. */
const settledShare = 0.25;

/**
 * Finds the steady state of a run: everything after the last change of the operating point, and after
 * the windows at its beginning that only measure throughput, which are a profiler's.
 */
export function steadyStretch(reports: readonly WindowReport[]): SteadyStretch {
  const changes: number[] = [];
  reports.forEach((report, index) => {
    if (!sameKnobs(report.decision.point, report.point)) changes.push(index);
  });
  const firstClaim = reports.findIndex(({ wanted }) => wanted === 'percentile');
  const afterProfile = firstClaim === -1 ? reports.length : firstClaim;
  const afterLastChange = Math.max(afterProfile, (changes.at(-1) ?? -1) + 1);
  if (isSettled(reports, afterLastChange)) {
    return { from: afterLastChange, changesBefore: changes.length, settled: true };
  }
  const half = Math.max(afterProfile, Math.floor(reports.length / 2));
  const begins = [afterProfile, ...changes.map((index) => index + 1)];
  // The last few windows alone would say little.
  const latest = Math.max(half, reports.length * (1 - settledShare));
  const [from = half] = begins
    .filter((index) => index >= afterProfile && index <= latest)
    .toSorted((a, b) => Math.abs(a - half) - Math.abs(b - half) || a - b);
  const changesBefore = changes.filter((index) => index < from).length;
  return { from, changesBefore, settled: false };
}

function isSettled(reports: readonly WindowReport[], from: number): boolean {
  const after = reports.slice(from);
  if (after.length === 0) return false;
  return (
    after.length >= Math.min(settledWindows, reports.length) ||
    durationMs(after) >= settledShare * durationMs(reports)
  );
}

function durationMs(reports: readonly WindowReport[]): number {
  return reports.reduce((sum, { sample }) => sum + sample.durationMs, 0);
}
