import type { Anchor, Span } from './anchor.ts';
import { anchorsOf, besides, growthExponent, spanNear } from './anchor.ts';
import type { LibraryRow } from './cells.ts';
import type { LikelyShape } from './law-fit.ts';
import { averageLaw } from './law-fit.ts';
import type { LogLatency } from './two-resource-law.ts';

/**
 * Weight of a library row whose growth exponent differs by this much is half that of a row that
 * grows alike.
 */
const exponentWidth = 0.25;

/** How many standard errors of it a correction learned from the library must exceed. */
const trustedErrors = 2;

/** A library row as seen from the network to estimate. */
export interface Neighbour {
  /** Where the row is measured nearest to the target's own span. */
  readonly span: Span;
  /** Its other cells, within the counts asked for. */
  readonly others: readonly Anchor[];
  /** The row's own weight times its likeness, > 0. */
  readonly weight: number;
}

/**
 * The library as seen from a span, within the counts asked for: how a row goes on beyond them is of
 * no interest. Rows that are not known at two counts are passed over.
 */
export function neighboursOf(
  library: readonly LibraryRow[],
  target: Span,
  counts: readonly number[],
): Neighbour[] {
  const least = Math.min(target.near.instances, ...counts);
  const most = Math.max(target.far.instances, ...counts);
  const exponent = growthExponent(target);
  return library.flatMap(({ cells, weight = 1 }) => {
    const span = spanNear(cells, target.near.instances, target.far.instances);
    if (span === undefined) return [];
    const difference = growthExponent(span) - exponent;
    return [
      {
        span,
        others: besides(span, anchorsOf(cells)).filter(
          ({ instances }) => instances >= least && instances <= most,
        ),
        weight: weight * likeness(difference, exponentWidth),
      },
    ];
  });
}

/** Between 0 and 1; heavy-tailed, so that when nothing is alike the least unlike rows still speak. */
export function likeness(difference: number, width: number): number {
  return 1 / (1 + (difference / width) ** 2);
}

/**
 * What neighbours agree on that the fitted law lacks, by count, in logarithms: their weighted mean
 * miss, shrunk to what exceeds two standard errors of it (in squares, as James and Stein shrink).
 * Nothing where rows merely scatter around the law, or where fewer than two were measured over the
 * target's own span.
 *
 * @param lawWeight weight of a row without a miss that stands for the law beside the neighbours, so
 * that a few light rows do not speak with a loud voice
 */
export function sharedMiss(
  neighbours: readonly Neighbour[],
  likely: readonly LikelyShape[],
  { near, far }: Span,
  lawWeight: number,
): LogLatency {
  const misses = new Map<number, { readonly miss: number; readonly weight: number }[]>();
  for (const { span, others, weight } of neighbours) {
    if (span.near.instances !== near.instances || span.far.instances !== far.instances) continue;
    const law = averageLaw(likely, span);
    for (const { instances, latencyMs } of others) {
      const at = misses.get(instances) ?? [];
      at.push({ miss: Math.log(latencyMs) - law(instances), weight });
      misses.set(instances, at);
    }
  }
  return (count) => trustedMean(misses.get(count) ?? [], lawWeight);
}

function trustedMean(
  misses: readonly { readonly miss: number; readonly weight: number }[],
  lawWeight: number,
): number {
  let total = 0;
  let squares = 0;
  let sum = 0;
  for (const { miss, weight } of misses) {
    total += weight;
    squares += weight * weight;
    sum += weight * miss;
  }
  // As many rows of equal weight as would average as well.
  const effective = (total * total) / squares;
  const mean = sum / total;
  if (!(effective >= 1.5) || mean === 0) return 0;
  let scatter = 0;
  for (const { miss, weight } of misses) scatter += weight * (miss - mean) ** 2;
  const squaredError = scatter / total / (effective - 1);
  const beyondChance = Math.max(0, 1 - (trustedErrors ** 2 * squaredError) / (mean * mean));
  return mean * beyondChance * (total / (total + lawWeight));
}
