import type { Stretch } from './wander.ts';

/** What one operating point was found to be like. */
export interface PointReading {
  /** Rows per call on average, 1 or more. */
  readonly batchSize: number;
  /** Instances running at a time on average, 1 or more. */
  readonly instances: number;
  /** Mean time of a call, in ms. */
  readonly latencyMs: number;
  /** Relative standard deviation of that mean, over 0. */
  readonly relativeSd: number;
}

/** And when that was. */
export interface TimedReading extends PointReading, Stretch {
  /**
   * How far it may be off together with all others that have such a deviation (logarithm), over 0;
   * default 0.
   */
  readonly sharedSd?: number;
}
