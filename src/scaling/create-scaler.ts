import { invalidArgument } from '../errors.ts';
import type { KnobLimits } from '../operating-point.ts';
import { paperLimits, parsePoint } from '../operating-point.ts';
import { BatchingScaler } from './batching.ts';
import { ClipperScaler } from './clipper.ts';
import { DnnScaler } from './dnnscaler.ts';
import { FixedScaler } from './fixed.ts';
import { JointScaler } from './joint/joint.ts';
import type { InstanceLatencyEstimator } from './multi-tenancy.ts';
import { MultiTenancyScaler } from './multi-tenancy.ts';
import type { Objective } from './objective.ts';
import type { Scaler } from './scaler.ts';
import { Valuation } from './valuation.ts';

export const scalerForms =
  'auto, dnnscaler, joint, batching, multi-tenancy, clipper or fixed:B,N (such as fixed:8,2)';

export interface ScalerContext {
  /**
   * What the engine can do; the paper's ranges bound all scalers but fixed points further, `joint` in its
   * batches only.
   */
  readonly limits: KnobLimits;
  readonly estimate: InstanceLatencyEstimator;
  /**
   * What to raise where several points hold the SLO; default `throughput`. `throughput-per-watt`
   * needs observations with a power. Fixed points and Clipper, a baseline, have no use for it.
   */
  readonly objective?: Objective;
}

/**
 * Makes a scaler by name; `auto` is the best that we know, `joint`: both knobs at once beat the better
 * one (`npm run bench:scalers`, `bench:joint`), and under live traffic the search for one, which takes
 * every queue for a point too slow, walks away from an SLO that can be held.
 *
 * @throws DnnScalerError `invalid-argument` for an unknown name or a fixed point beyond the limits
 */
export function createScaler(name: string, context: ScalerContext): Scaler {
  const { estimate, objective = 'throughput' } = context;
  if (name.startsWith('fixed:')) return createFixed(name, context.limits);
  const limits: KnobLimits = {
    minBatchSize: context.limits.minBatchSize,
    maxBatchSize: Math.min(
      Math.max(paperLimits.maxBatchSize, context.limits.minBatchSize),
      context.limits.maxBatchSize,
    ),
    maxInstances: Math.min(paperLimits.maxInstances, context.limits.maxInstances),
  };
  switch (name) {
    case 'dnnscaler':
      return new DnnScaler(limits, estimate, objective);
    case 'auto':
    case 'joint':
      return new JointScaler({ ...limits, maxInstances: context.limits.maxInstances }, objective);
    case 'batching':
      return new BatchingScaler({ limits, valuation: new Valuation(objective) });
    case 'multi-tenancy':
      return new MultiTenancyScaler({ limits, estimate, valuation: new Valuation(objective) });
    case 'clipper':
      return new ClipperScaler(limits);
    default:
      throw invalidArgument('the scaler', `must be one of ${scalerForms}`, name);
  }
}

function createFixed(name: string, limits: KnobLimits): FixedScaler {
  const point = parsePoint(name.slice('fixed:'.length), 'the fixed point');
  const { minBatchSize, maxBatchSize, maxInstances } = limits;
  if (point.batchSize < minBatchSize || point.batchSize > maxBatchSize) {
    const range =
      minBatchSize === maxBatchSize ? `${minBatchSize}` : `${minBatchSize}..${maxBatchSize}`;
    throw invalidArgument(
      'the fixed batch size',
      `must be ${range} for this model`,
      point.batchSize,
    );
  }
  if (point.instances > maxInstances) {
    throw invalidArgument(
      'the fixed count of instances',
      `must be 1..${maxInstances} here`,
      point.instances,
    );
  }
  return new FixedScaler(point, limits);
}
