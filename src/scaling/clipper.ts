import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { batchSizeBinds, describeStanding, standingOf } from './assessment.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';

/** Added to the batch size below the band. */
const additiveStep = 4;
/** Multiplies the batch size above the SLO. */
const backOffFactor = 0.9;

/**
 * The baseline of the paper: Clipper's adaptive batching (Crankshaw et al., NSDI 2017), additive
 * increase and multiplicative decrease of the batch size with a single instance. It holds in the
 * same band and controls the same statistic as DNNScaler, so that the two are compared fairly.
 */
export class ClipperScaler implements Scaler {
  readonly name = 'clipper';
  readonly approach = 'batching';
  readonly profile = null;
  readonly wants = 'percentile';
  readonly #limits: KnobLimits;
  /** The largest batch size that the engine reaches. */
  #reachable: number;
  /** The batch size last asked for. */
  #asked: number;

  constructor(limits: KnobLimits) {
    this.#limits = limits;
    this.#reachable = limits.maxBatchSize;
    this.#asked = limits.minBatchSize;
  }

  first(): OperatingPoint {
    return { batchSize: this.#limits.minBatchSize, instances: 1 };
  }

  decide(observation: Observation): Decision {
    const { minBatchSize } = this.#limits;
    const current = observation.point.batchSize;
    if (this.#asked > current) this.#reachable = current;
    this.#asked = current;
    const why = describeStanding(observation);
    const hold = (note: string): Decision => ({
      point: { batchSize: current, instances: 1 },
      kind: 'hold',
      reason: `${why}: ${note}`,
    });
    const moveTo = (batchSize: number): Decision => {
      this.#asked = batchSize;
      return {
        point: { batchSize, instances: 1 },
        kind: 'move',
        reason: `${why}: batch ${current} -> ${batchSize}`,
      };
    };
    switch (standingOf(observation)) {
      case 'within':
        return hold('in the band, hold');
      case 'over':
        if (current <= minBatchSize) {
          return { ...hold('already at the smallest batch'), infeasible: true };
        }
        return moveTo(Math.max(minBatchSize, Math.floor(current * backOffFactor)));
      case 'under':
        if (current >= this.#reachable) return hold('already at the largest batch');
        if (!batchSizeBinds(observation)) return hold('batches are not full, more would not help');
        return moveTo(Math.min(this.#reachable, current + additiveStep));
    }
  }
}
