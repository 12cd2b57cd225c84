import type { Anchor, Span } from './anchor.ts';
import { anchorsOf, besides, countDistance, growthExponent, spanNear } from './anchor.ts';
import type { Cells, LibraryRow } from './cells.ts';
import { requireCells, requireCount } from './cells.ts';
import { averageLaw, fitLaw } from './law-fit.ts';
import { likeness, neighboursOf, sharedMiss } from './neighbour.ts';
import { withinReason } from './sanity.ts';
import type { LogLatency } from './two-resource-law.ts';
import { timeSlicingLaw } from './two-resource-law.ts';

/**
 * How much the time-slicing law counts beside measured rows, as a weight of one row that obeys it: it
 * decides when the library is empty or foreign, and hardly matters otherwise.
 */
const lawWeight = 0.2;

/** Weight of a library row a factor of e slower or faster is half; used with one observation only. */
const scaleWidth = 1;

/**
 * Estimates latencies at unmeasured counts of instances from a few measured ones and a library of
 * known networks.
 *
 * 1. The observed cells with the fewest and the most instances anchor a two-resource law.
 * 2. The shape of the law is learned from the library, each row anchored at the same counts and
 *    weighted by how alike its latency grows between them; the time-slicing law counts as a fraction
 *    of a row. With an empty library, the time-slicing law it is.
 * 3. Where the library's rows miss that law alike, beyond chance, the estimate is corrected.
 * 4. Observed cells between the anchors bend the curve to pass through them, and are themselves
 *    returned exactly; no estimate leaves the bounds of `withinReason`.
 *
 * All of it works in logarithms of latency, so the unit and the size of the network play no part,
 * except that with one observation the growth is that of library rows of about that latency.
 *
 * @param observed at least one cell, any counts
 * @param counts counts of instances to estimate at, any order
 * @param library rows with fewer than two cells are passed over
 * @returns latencies in ms, in the order of `counts`; positive and finite
 * @throws DnnScalerError `invalid-argument` for counts or latencies out of range
 */
export function estimateCurve(
  observed: Cells,
  counts: readonly number[],
  library: readonly LibraryRow[],
): number[] {
  requireCells(observed, 'the observed latencies');
  for (const count of counts) requireCount(count, 'a count of instances to estimate');
  const logLatency = logCurve(observed, counts, library);
  return counts.map(
    (count) => observed.get(count) ?? withinReason(Math.exp(logLatency(count)), observed, count),
  );
}

function logCurve(
  observed: Cells,
  counts: readonly number[],
  library: readonly LibraryRow[],
): LogLatency {
  const anchors = anchorsOf(observed);
  const span = anchors.length > 1 ? spanOf(anchors) : guessSpan(observed, counts, library);
  if (span === undefined) return () => Math.log((anchors[0] as Anchor).latencyMs);
  const middle = besides(span, anchors);
  const curve = unbentCurve(span, middle, counts, library);
  return middle.length === 0 ? curve : bend(curve, anchors);
}

function unbentCurve(
  span: Span,
  middle: readonly Anchor[],
  counts: readonly number[],
  library: readonly LibraryRow[],
): LogLatency {
  const slicing = timeSlicingLaw(span);
  const neighbours = neighboursOf(library, span, counts);
  if (neighbours.length === 0) return slicing;
  const sliced = counts.map((instances) => ({
    instances,
    latencyMs: Math.exp(slicing(instances)),
  }));
  const likely = fitLaw([
    ...neighbours,
    { span, others: besides(span, sliced), weight: lawWeight },
    // What was observed between the anchors tells of this very network.
    { span, others: middle, weight: 1 },
  ]);
  const law = averageLaw(likely, span);
  const missed = sharedMiss(neighbours, likely, span, lawWeight);
  return (count) => law(count) + missed(count);
}

function spanOf(anchors: readonly Anchor[]): Span {
  return { near: anchors[0] as Anchor, far: anchors.at(-1) as Anchor };
}

/**
 * A span from one observation to the count farthest from it, growing as library rows of about that
 * latency do. With no library, as what promises least: latency in proportion to instances above
 * the observed count, and none saved below it. Nothing when no other count is asked for.
 */
function guessSpan(
  observed: Cells,
  counts: readonly number[],
  library: readonly LibraryRow[],
): Span | undefined {
  const seen = anchorsOf(observed)[0] as Anchor;
  const farthest = counts.reduce(
    (best, count) =>
      countDistance(count, seen.instances) > countDistance(best, seen.instances) ? count : best,
    seen.instances,
  );
  if (farthest === seen.instances) return undefined;
  const upwards = farthest > seen.instances;
  let total = lawWeight;
  let sum = upwards ? lawWeight : 0;
  for (const { cells, weight = 1 } of library) {
    const span = upwards
      ? spanNear(cells, seen.instances, farthest)
      : spanNear(cells, farthest, seen.instances);
    if (span === undefined) continue;
    const same = upwards ? span.near : span.far;
    const alike = weight * likeness(Math.log(same.latencyMs / seen.latencyMs), scaleWidth);
    total += alike;
    sum += alike * growthExponent(span);
  }
  const growth = (sum / total) * Math.log(farthest / seen.instances);
  const guess = { instances: farthest, latencyMs: seen.latencyMs * Math.exp(growth) };
  return upwards ? { near: seen, far: guess } : { near: guess, far: seen };
}

/** The curve with its misses of observed cells taken out, linearly in log instances between them. */
function bend(curve: LogLatency, observed: readonly Anchor[]): LogLatency {
  const knots = observed.map(({ instances, latencyMs }) => ({
    at: Math.log(instances),
    miss: Math.log(latencyMs) - curve(instances),
  }));
  const first = knots[0] as (typeof knots)[number];
  return (count) => {
    const at = Math.log(count);
    const below = knots.findLast((knot) => knot.at <= at) ?? first;
    const above = knots.find((knot) => knot.at >= at) ?? below;
    const share = above.at > below.at ? (at - below.at) / (above.at - below.at) : 0;
    return curve(count) + below.miss + share * (above.miss - below.miss);
  };
}
