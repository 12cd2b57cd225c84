import { sameKnobs } from '../operating-point.ts';
import type { WindowReport } from './deployment.ts';

export interface SteadyStretch {
  /** Index of its first window. */
  readonly from: number;
  /** Changes of the operating point before it. */
  readonly changesBefore: number;
  /** False when the point went on changing: the stretch is then the last half of the windows. */
  readonly settled: boolean;
}

/** Windows that must follow the last change before a run counts as settled, */
const settledWindows = 3;
/** or the share of the measured time: the windows of slow networks are few and long. */
const settledShare = 0.25;

/** Finds the steady state of a run: everything after the last change of the operating point. */
export function steadyStretch(reports: readonly WindowReport[]): SteadyStretch {
  const changes: number[] = [];
  reports.forEach((report, index) => {
    if (!sameKnobs(report.decision.point, report.point)) changes.push(index);
  });
  const afterLastChange = (changes.at(-1) ?? -1) + 1;
  if (isSettled(reports, afterLastChange)) {
    return { from: afterLastChange, changesBefore: changes.length, settled: true };
  }
  const from = Math.min(Math.floor(reports.length / 2), afterLastChange);
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
