import type { KnobLimits, OperatingPoint } from '../../operating-point.ts';
import { formatPoint } from '../../operating-point.ts';
import { formatMs, formatPerS, formatShare } from '../../units.ts';
import { chanceWithin, expectedExcess, expectedGain, meanLogMs } from './model/belief.ts';
import type { LatencyPredictor } from './model/latency-model.ts';

/** A point worth going to, and what is expected there. */
export interface Candidate {
  readonly point: OperatingPoint;
  /** Expected worth gained over the incumbent, as a share of the incumbent's. */
  readonly gain: number;
  /** Chance that the SLO holds there. */
  readonly chance: number;
  /** By what share of the limit the latency is expected to lie over it. */
  readonly excess: number;
}

export interface SearchLimits extends KnobLimits {
  /** Default 1. */
  readonly minInstances?: number;
}

export interface SearchOptions {
  readonly limits: SearchLimits;
  readonly model: LatencyPredictor;
  /** Points that were ruled out are not considered. */
  isOpen(batchSize: number, instances: number): boolean;
  /** Logarithm of the mean call latency, in ms, up to which the SLO holds with so many instances. */
  logLimitMs(instances: number): number;
  /** What throughput at a point is divided by to be its worth; see `Valuation`. */
  divisorAt(batchSize: number, instances: number): number;
  /** Worth at the best point known to hold the SLO, in rows per ms over its divisor; 0 for none. */
  readonly incumbentPerMs: number;
  /** Chance that the SLO holds, at least. */
  readonly minChance: number;
  /** Expected excess over the limit, at most, as a share of the limit. */
  readonly maxExcess: number;
  /** Points with at most this expected excess are preferred to all others. */
  readonly cautiousExcess: number;
  /** Gain, as a share of the incumbent's worth, that going to a point has to promise. */
  requiredGain(instances: number): number;
}

/** What an expected violation by the whole limit counts against a gain by the whole throughput. */
const excessWeight = 0.06;
/** Ratios between neighbouring batch sizes of the first pass and of those around its best. */
const strides = [1.2, 1.06, 1] as const;
/** The same of counts of instances; up to this one each is looked at in the first pass. */
const instanceStride = 1.15;
const mostWithoutStride = 10;

/**
 * The point with the largest expected gain, net of what going there has to promise and of the
 * violation that it risks, among those likely enough to hold the SLO; undefined when no point
 * promises enough. Points that risk little come first, whatever the others promise. Coarse over all
 * points, then finer around the best.
 */
export function search(options: SearchOptions): Candidate | undefined {
  const { limits, model, incumbentPerMs, minChance, maxExcess } = options;
  const { minBatchSize, maxBatchSize, minInstances = 1, maxInstances } = limits;
  const cautiousExcess = Math.min(options.cautiousExcess, maxExcess);
  let cautious: Scored | undefined;
  let bold: Scored | undefined;

  const consider = (batchSize: number, instances: number): void => {
    if (!options.isOpen(batchSize, instances)) return;
    const belief = model.predict(batchSize, instances);
    const logLimitMs = options.logLimitMs(instances);
    // By Jensen's inequality the excess is no less than that of the mean: spares most of what follows.
    if (meanLogMs(belief) - logLimitMs > Math.log1p(maxExcess)) return;
    const rows = (batchSize * instances) / options.divisorAt(batchSize, instances);
    const gainPerMs = expectedGain(belief, rows, logLimitMs, incumbentPerMs);
    const gain = incumbentPerMs > 0 ? gainPerMs / incumbentPerMs : gainPerMs;
    const net = gain - options.requiredGain(instances);
    if (net <= 0 || net <= (cautious?.score ?? 0)) return;
    const excess = expectedExcess(belief, logLimitMs);
    const score = net - (incumbentPerMs > 0 ? excessWeight * excess : 0);
    const isCautious = excess <= cautiousExcess;
    const best = isCautious ? cautious : (cautious ?? bold);
    if (score <= (best?.score ?? 0) || excess > maxExcess) return;
    if (!isCautious && cautious !== undefined) return;
    const chance = chanceWithin(belief, logLimitMs);
    if (chance < minChance) return;
    const found = { point: { batchSize, instances }, gain, chance, excess, score };
    if (isCautious) cautious = found;
    else bold = found;
  };
  const scan = (instances: number, from: number, to: number, stride: number): void => {
    for (let batchSize = from; batchSize < to; batchSize = further(batchSize, stride)) {
      consider(batchSize, instances);
    }
    consider(to, instances);
  };
  const strideOf = (instances: number): number =>
    instances < mostWithoutStride ? 1 : instanceStride;

  for (let k = minInstances; k < maxInstances; k = further(k, strideOf(k))) {
    scan(k, minBatchSize, maxBatchSize, strides[0]);
  }
  scan(maxInstances, minBatchSize, maxBatchSize, strides[0]);
  for (let pass = 1; pass < strides.length; pass += 1) {
    const center: Candidate | undefined = cautious ?? bold;
    if (center === undefined) break;
    const { batchSize, instances } = center.point;
    const width = strides[pass - 1] as number;
    const from = Math.max(minBatchSize, Math.ceil(batchSize / width));
    const to = Math.min(maxBatchSize, Math.floor(batchSize * width));
    const reach = strideOf(instances);
    const fewest = Math.max(minInstances, Math.ceil(instances / reach));
    const most = Math.min(maxInstances, Math.floor(instances * reach));
    for (let near = fewest; near <= most; near += 1) scan(near, from, to, strides[pass] as number);
  }
  return cautious ?? bold;
}

/** So many times as many, and at least one more. */
function further(count: number, stride: number): number {
  return Math.max(count + 1, Math.round(count * stride));
}

interface Scored extends Candidate {
  readonly score: number;
}

/** What is expected of it, in words. */
export function describeCandidate({ point, chance }: Candidate, model: LatencyPredictor): string {
  const { batchSize, instances } = point;
  const callMs = Math.exp(meanLogMs(model.predict(batchSize, instances)));
  const perS = (1000 * batchSize * instances) / callMs;
  return `${formatPoint(point)} should give ${formatPerS(perS)} at ${formatMs(callMs)} a call, with a chance of ${formatShare(chance)} to hold the SLO`;
}
