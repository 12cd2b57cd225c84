import type { OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';
import type { Valuation } from '../valuation.ts';
import { meanLogMs } from './belief.ts';
import type { LatencyModel } from './latency-model.ts';
import type { LatencyTarget } from './latency-target.ts';
import type { Reachability } from './reachability.ts';
import type { Reading, Readings } from './readings.ts';

/** By so many times what the speed wanders (logarithm) it may have less throughput than the best, */
const hiddenShare = 0.2;
/** if its calls are shorter by this (logarithm). */
const clearlyQuicker = 0.35;

/** The best point known to hold the SLO. */
export interface Incumbent {
  readonly reading: Reading;
  /** Rows answered per ms, full batches on all instances. */
  readonly rowsPerMs: number;
  /** What full batches on all instances are worth: rows per ms, or per ms and watt. */
  readonly perMs: number;
}

/** What is known, and what is asked of a point. */
export interface Known {
  readonly readings: Readings;
  readonly reachability: Reachability;
  readonly model: LatencyModel;
  readonly valuation: Valuation;
  readonly target: LatencyTarget;
  /** Of the SLO. */
  readonly percentile: number;
  /** The point in use. */
  readonly here: OperatingPoint;
  /** Rows per ms that the point has to answer at least. */
  readonly needed: number;
  /** Another point has to be this many times better than the one in use. */
  readonly clearlyBetter: number;
}

/**
 * The highest worth among the points seen that answer as much as is needed and whose latency is within
 * the target.
 *
 * @param extraMargin (logarithm) for those not in use
 */
export function bestKnown(known: Known, extraMargin: number): Incumbent | undefined {
  const { readings, reachability, model, valuation, target, percentile, here, needed } = known;
  const { clearlyBetter } = known;
  let best: (Incumbent & { readonly logMs: number }) | undefined;
  const holding: (typeof best & object)[] = [];
  for (const reading of readings.all) {
    const { batchSize, instances } = reading.point;
    if (!reachability.isReachable(batchSize, instances)) continue;
    const logMs = meanLogMs(model.predict(batchSize, instances));
    const isHere = sameKnobs(reading.point, here);
    const { lasting } = readings.tailAt(reading, model.wander, percentile);
    if (!target.holds(logMs, lasting + (isHere ? 0 : extraMargin), instances)) continue;
    const rowsPerMs = (batchSize * instances) / Math.exp(logMs);
    if (rowsPerMs < needed) continue;
    const perMs = rowsPerMs / valuation.divisorAt(batchSize, instances);
    const found = { reading, perMs, rowsPerMs, logMs };
    holding.push(found);
    if (perMs > (best?.perMs ?? 0) * (isHere ? 1 : clearlyBetter)) best = found;
  }
  if (best === undefined) return undefined;
  const { logMs, perMs } = best;
  // What the machine's speed does by itself hides differences of throughput, but not of latency.
  const [quicker] = holding
    .filter((one) => one.logMs < logMs - clearlyQuicker)
    .filter((one) => one.perMs > perMs * (1 - hiddenShare * model.wander.sd))
    .sort((a, b) => a.logMs - b.logMs);
  return quicker ?? best;
}
