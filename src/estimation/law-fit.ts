import type { Anchor, Span } from './anchor.ts';
import type { LawShape, LogLatency } from './two-resource-law.ts';
import { twoResourceLaw } from './two-resource-law.ts';

/** A curve to learn the law's shape from: its span, and what lies between and beyond. */
export interface Example {
  readonly span: Span;
  /** Cells other than the ends of the span; with none, the example says nothing. */
  readonly others: readonly Anchor[];
  /** How much the example counts, >= 0. */
  readonly weight: number;
}

/** A shape of the law and how likely it is, all of a fit adding up to 1. */
export interface LikelyShape {
  readonly shape: LawShape;
  readonly share: number;
}

/**
 * The shapes considered. Declines reach from none (the A100 of the ParvaGPU profile) past the P40's
 * 0.15 or so; sharpnesses from the sum of the two parts to their maximum.
 */
const shapes: readonly LawShape[] = [0, 0.05, 0.1, 0.15, 0.2, 0.3].flatMap((decline) =>
  [1, 2, 4, 8, 40].map((sharpness) => ({ decline, sharpness })),
);

/**
 * Mean error of a curve, as a share, that is taken for noise when shapes are compared: a shape that
 * misses one example by this much more than another does is e times less likely.
 */
const noise = 0.03;

/** Shapes this unlikely are dropped, to save their time. */
const negligibleShare = 1e-3;

/**
 * How likely each shape of the law is, given examples: Bayes' rule with every shape equally likely
 * beforehand and, for each example, a Laplace likelihood of its mean absolute error in logarithms.
 * The absolute value keeps one wild cell from deciding.
 */
export function fitLaw(examples: readonly Example[]): readonly LikelyShape[] {
  const telling = examples.flatMap(({ span, others, weight }) =>
    others.length === 0 ? [] : [{ span, cells: others.map(toLog), weight: weight / others.length }],
  );
  const losses = shapes.map((shape) => {
    let loss = 0;
    for (const { span, cells, weight } of telling) {
      const law = twoResourceLaw(shape, span);
      let error = 0;
      for (const { instances, logMs } of cells) error += Math.abs(law(instances) - logMs);
      loss += weight * error;
    }
    return loss;
  });
  const least = Math.min(...losses);
  const likely = shapes
    .map((shape, i) => ({ shape, share: Math.exp((least - (losses[i] as number)) / noise) }))
    .filter(({ share }) => share > negligibleShare);
  const total = likely.reduce((sum, { share }) => sum + share, 0);
  return likely.map(({ shape, share }) => ({ shape, share: share / total }));
}

/** The law through a span, averaged in logarithms over the likely shapes. */
export function averageLaw(likely: readonly LikelyShape[], span: Span): LogLatency {
  const laws = likely.map(({ shape, share }) => ({ law: twoResourceLaw(shape, span), share }));
  return (instances) => laws.reduce((sum, { law, share }) => sum + share * law(instances), 0);
}

function toLog({ instances, latencyMs }: Anchor): { instances: number; logMs: number } {
  return { instances, logMs: Math.log(latencyMs) };
}
