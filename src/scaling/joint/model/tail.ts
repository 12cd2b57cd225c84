import { widenedTail } from '../../volatility.ts';
import type { Wander } from './wander.ts';
import { covarianceOfMeans } from './wander.ts';

/** How much longer than the mean a call takes at the SLO's percentile: logarithms, 0 or more. */
export interface Tail {
  /** Among calls that follow each other. */
  readonly seen: number;
  /** In the long run, in which the machine's speed wanders further than while they were seen. */
  readonly lasting: number;
}

/**
 * A tail seen among the calls of so many ms. What the speed wandered meanwhile is in it; what the mean
 * over such a stretch wanders is not, and is added for the long run.
 */
export function tailOf(seen: number, seenForMs: number, wander: Wander, percentile: number): Tail {
  const stretch = { startMs: 0, endMs: seenForMs };
  const sdOfMean = Math.sqrt(covarianceOfMeans(wander, stretch, stretch));
  return { seen, lasting: widenedTail(sdOfMean, seen, percentile) };
}
