import type { Span } from './anchor.ts';

/** What the two-resource law needs besides its span. */
export interface LawShape {
  /** Share by which the part that is not shared shrinks with each further instance, as exp(-decline); >= 0. */
  readonly decline: number;
  /** Sharpness of the corner between the two parts: 1 adds them, large values take the larger; >= 1. */
  readonly sharpness: number;
}

/** Natural logarithm of the latency in ms at a count of instances. */
export type LogLatency = (instances: number) => number;

/**
 * The time-slicing law: an accelerator shared by n instances takes n slices, once the slices fill
 * the time that one instance takes anyway: `max(L(near), n L(far) / far)`. It reads `far` exactly
 * only if latency does not fall over the span.
 *
 * The seed's P40 measurements show it: latency is flat up to a corner, then proportional to n.
 */
export function timeSlicingLaw({ near, far }: Span): LogLatency {
  const flat = Math.log(near.latencyMs);
  const slice = Math.log(far.latencyMs) - Math.log(far.instances);
  return (instances) => Math.max(flat, slice + Math.log(instances));
}

/**
 * The two-resource law through the ends of a span:
 *
 *     L(n)^q = (a e^(-p (n - 1)))^q + (g n)^q        p = decline, q = sharpness
 *
 * `a` is the part each instance waits for by itself (launches, copies, preprocessing), which on the
 * P40 shrinks as instances are added; `g n` is the accelerator, sliced between the instances. The
 * q-norm joins them softly: q = 1 adds them, q to infinity with p = 0 is the time-slicing law. `a`
 * and `g` follow from the two ends, which the curve passes through.
 *
 * Beyond what the family can express it stays continuous: latency that grows faster than n becomes a
 * power of n through the two ends, and latency that falls faster than the decline an exponential.
 */
export function twoResourceLaw(shape: LawShape, { near, far }: Span): LogLatency {
  const { decline: p, sharpness: q } = shape;
  const start = Math.log(near.latencyMs);
  const growth = Math.log(far.latencyMs) - start;
  const steps = far.instances - near.instances;
  const span = Math.log(far.instances / near.instances);
  if (growth >= span) {
    const power = growth / span;
    return (instances) => start + power * Math.log(instances / near.instances);
  }
  if (growth <= -p * steps) {
    const slope = growth / steps;
    return (instances) => start + slope * (instances - near.instances);
  }
  // Both parts relative to L(near), where their q-th powers add up to 1; in logarithms, as powers of
  // 40 overflow.
  const ownAtFar = -p * q * steps;
  const logShared = Math.min(
    0,
    q * (growth - span) +
      Math.log1p(-Math.exp(ownAtFar - q * growth)) -
      Math.log1p(-Math.exp(ownAtFar - q * span)),
  );
  const logOwn = Math.log1p(-Math.exp(logShared));
  return (instances) => {
    const own = logOwn - p * q * (instances - near.instances);
    const slices = logShared + q * Math.log(instances / near.instances);
    return start + logSumExp(own, slices) / q;
  };
}

/** Apart by more than this, the smaller of two terms is lost in rounding. */
const negligibleGap = 37;

function logSumExp(a: number, b: number): number {
  const larger = a > b ? a : b;
  const gap = a > b ? a - b : b - a;
  return gap < negligibleGap ? larger + Math.log1p(Math.exp(-gap)) : larger;
}
