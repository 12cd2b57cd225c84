import type { Approach } from '../scaling/scaler.ts';

/** One of the jobs with which the authors evaluated DNNScaler on a Tesla P40. */
export interface PaperJob {
  readonly job: number;
  readonly network: string;
  readonly dataset: string;
  readonly sloMs: number;
  /** The approach in the authors' scripts: to compare with, never to decide by. */
  readonly seedApproach: Approach;
}

/** What the paper reports over Clipper (arXiv 2308.13803, abstract). */
export const paperGains = { averageGainPercent: 218, largestGain: 14 } as const;
