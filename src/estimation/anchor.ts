import type { Cells } from './cells.ts';
import { countsOf } from './cells.ts';

/** A measured (or supposed) latency at a count of instances. */
export interface Anchor {
  readonly instances: number;
  readonly latencyMs: number;
}

/** The two ends a curve hangs on, `near.instances < far.instances`. */
export interface Span {
  readonly near: Anchor;
  readonly far: Anchor;
}

/** The cells by ascending count. */
export function anchorsOf(cells: Cells): Anchor[] {
  return countsOf(cells).map((instances) => ({
    instances,
    latencyMs: cells.get(instances) as number,
  }));
}

/** The cells nearest, in ratio, to two counts; nothing if they are one and the same. */
export function spanNear(cells: Cells, nearCount: number, farCount: number): Span | undefined {
  const anchors = anchorsOf(cells);
  const near = nearest(anchors, nearCount);
  const far = nearest(anchors, farCount);
  return near === undefined || far === undefined || near.instances >= far.instances
    ? undefined
    : { near, far };
}

/** The cells that are not the ends of a span. */
export function besides({ near, far }: Span, anchors: readonly Anchor[]): Anchor[] {
  return anchors.filter(
    ({ instances }) => instances !== near.instances && instances !== far.instances,
  );
}

/** Power of n by which latency grows over a span: 0 is flat, 1 in proportion to instances. */
export function growthExponent({ near, far }: Span): number {
  return (
    (Math.log(far.latencyMs) - Math.log(near.latencyMs)) / Math.log(far.instances / near.instances)
  );
}

/** How far apart two counts are: the absolute logarithm of their ratio. */
export function countDistance(a: number, b: number): number {
  return Math.abs(Math.log(a / b));
}

function nearest(anchors: readonly Anchor[], count: number): Anchor | undefined {
  let best: Anchor | undefined;
  for (const anchor of anchors) {
    if (
      best === undefined ||
      countDistance(anchor.instances, count) < countDistance(best.instances, count)
    ) {
      best = anchor;
    }
  }
  return best;
}
