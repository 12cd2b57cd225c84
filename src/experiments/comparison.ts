import type { Approach } from '../scaling/scaler.ts';
import type { RunWindow } from '../serving/run-result.ts';
import type { CurveSource, P40Curves } from '../simulator/p40.ts';
import type { ScalerOutcome } from './run-job.ts';
import type { DecisionMargin } from './why.ts';

/** One job under several scalers. */
export interface JobResult {
  readonly job: number;
  readonly network: string;
  readonly dataset: string;
  readonly sloMs: number;
  /** Where the latencies by instances come from; null on a real machine. */
  readonly curveSource: CurveSource | null;
  /** Where the latencies by batch size come from; null on a real machine. */
  readonly batchPathSource: P40Curves['batchPathSource'] | null;
  /** What DNNScaler chose; null when it was not among the scalers. */
  readonly approach: Approach | null;
  /** What the authors' scripts name for this job. */
  readonly seedApproach: Approach;
  /** Present where `approach` differs from `seedApproach`: the reason, and the figures behind it. */
  readonly why?: string;
  readonly margin?: DecisionMargin;
  readonly tiBatchingPercent: number | null;
  readonly tiMultiTenancyPercent: number | null;
  /** By the scaler's name. */
  readonly outcomes: Readonly<Record<string, ScalerOutcome>>;
  /** Throughput of DNNScaler over Clipper's, less 1, in percent; null without both. */
  readonly gainPercent: number | null;
}

/** Several jobs, and what they gain together. */
export interface Comparison {
  readonly jobs: readonly JobResult[];
  readonly averageGainPercent: number | null;
  /** The largest ratio of throughputs, DNNScaler over Clipper. */
  readonly largestGain: number | null;
  readonly largestGainJob: number | null;
}

/** The time series behind a job's outcomes, by the scaler's name. */
export type JobSeries = Readonly<Record<string, readonly RunWindow[]>>;

/** Ratio of throughputs, DNNScaler over Clipper; undefined without both, or where one was not measured. */
export function ratioOf({ outcomes }: Pick<JobResult, 'outcomes'>): number | undefined {
  const { dnnscaler, clipper } = outcomes;
  if (dnnscaler === undefined || clipper === undefined) return undefined;
  const ratio = dnnscaler.throughputPerS / clipper.throughputPerS;
  return Number.isFinite(ratio) ? ratio : undefined;
}

export function gainPercentOf(outcomes: JobResult['outcomes']): number | null {
  const ratio = ratioOf({ outcomes });
  return ratio === undefined ? null : (ratio - 1) * 100;
}

export function compare(jobs: readonly JobResult[]): Comparison {
  const gains = jobs.flatMap(({ job, gainPercent }) =>
    gainPercent === null ? [] : [{ job, gainPercent }],
  );
  if (gains.length === 0) {
    return { jobs, averageGainPercent: null, largestGain: null, largestGainJob: null };
  }
  const largest = gains.reduce((a, b) => (b.gainPercent > a.gainPercent ? b : a));
  const total = gains.reduce((sum, { gainPercent }) => sum + gainPercent, 0);
  return {
    jobs,
    averageGainPercent: total / gains.length,
    largestGain: 1 + largest.gainPercent / 100,
    largestGainJob: largest.job,
  };
}
