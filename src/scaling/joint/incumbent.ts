import type { OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';
import type { Valuation } from '../valuation.ts';
import { meanLogMs } from './model/belief.ts';
import type { LatencyModel } from './model/latency-model.ts';
import type { LatencyTarget } from './latency-target.ts';
import type { Reachability } from './reachability.ts';
import type { Reading, Readings } from './knowledge/readings.ts';

/** Another known point has to be this much better than the one in use, as a share; once settled: */
const clearlyBetter = 0.01;
const clearlyBetterOnceSettled = 0.02;
/** By so many times what the speed wanders (logarithm), which hides it, throughput may be less than the best, */
const hiddenShare = 0.2;
/** where calls are shorter by this (logarithm). */
const clearlyQuicker = 0.35;

/** The best point known to hold the SLO. */
export interface Incumbent {
  readonly reading: Reading;
  /** Rows answered per ms, full batches on all instances. */
  readonly rowsPerMs: number;
  /** What full batches on all instances are worth: rows per ms, or per ms and watt. */
  readonly perMs: number;
  /** The most that any point known to hold the SLO is worth. */
  readonly mostPerMs: number;
}

/** What is known, and what is asked of a point. */
export interface Known {
  readonly readings: Readings;
  readonly reachability: Reachability;
  readonly model: Pick<LatencyModel, 'predict' | 'wander'>;
  readonly valuation: Valuation;
  readonly target: LatencyTarget;
  /** Of the SLO. */
  readonly percentile: number;
  /** The point in use. */
  readonly here: OperatingPoint;
  /** Whether it was settled on. */
  readonly hasSettled: boolean;
  /** Rows per ms that the point has to answer at least. */
  readonly needed: number;
}

/**
 * The highest worth among the points seen that answer as much as is needed and whose latency is within
 * the target; the point in use where none is clearly better, or as good with much shorter calls.
 *
 * @param extraMargin (logarithm) for those not in use
 */
export function bestKnown(known: Known, extraMargin: number): Incumbent | undefined {
  const { readings, reachability, model, valuation, target, percentile, here, needed } = known;
  const hidden = hiddenShare * model.wander.sd;
  const holding: Holding[] = [];
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
    holding.push({ reading, perMs, rowsPerMs, logMs, isHere });
  }
  const hysteresis = known.hasSettled ? clearlyBetterOnceSettled : clearlyBetter;
  return bestOf(holding, hidden, hysteresis);
}

interface Holding extends Omit<Incumbent, 'mostPerMs'> {
  readonly logMs: number;
  readonly isHere: boolean;
}

function bestOf(
  holding: readonly Holding[],
  hidden: number,
  hysteresis: number,
): Incumbent | undefined {
  const [best] = holding.toSorted((a, b) => b.perMs - a.perMs);
  if (best === undefined) return undefined;
  const isClearlyQuicker = (a: Holding, b: Holding): boolean => a.logMs < b.logMs - clearlyQuicker;
  const [quickest = best] = holding
    .filter((one) => isClearlyQuicker(one, best) && one.perMs > best.perMs * (1 - hidden))
    .toSorted((a, b) => a.logMs - b.logMs);
  const inUse = holding.find(({ isHere }) => isHere);
  const mayStay =
    inUse !== undefined &&
    inUse.perMs * (1 + hysteresis) >= best.perMs &&
    !isClearlyQuicker(quickest, inUse);
  return { ...(mayStay ? inUse : quickest), mostPerMs: best.perMs };
}
