import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { clampPoint, formatPoint, sameKnobs } from '../operating-point.ts';
import { describeStanding, standingOf } from './assessment.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';

/** Stays at one operating point whatever happens: the baseline that every scaler has to beat. */
export class FixedScaler implements Scaler {
  readonly name: string;
  readonly approach = null;
  readonly profile = null;
  readonly wants = 'percentile';
  readonly #point: OperatingPoint;
  readonly #isLowest: boolean;

  constructor(point: OperatingPoint, limits: KnobLimits) {
    this.#point = clampPoint(point, limits);
    this.name = `fixed:${this.#point.batchSize},${this.#point.instances}`;
    this.#isLowest = this.#point.batchSize === limits.minBatchSize && this.#point.instances === 1;
  }

  first(): OperatingPoint {
    return this.#point;
  }

  decide(observation: Observation): Decision {
    const infeasible = this.#isLowest && standingOf(observation) === 'over';
    const { point } = observation;
    // Asking again for what the engine could not reach would have it try after every window.
    const short = sameKnobs(point, this.#point)
      ? ''
      : `, of which ${formatPoint(point)} was reached`;
    return {
      point,
      kind: 'hold',
      reason: `${describeStanding(observation)}: fixed at ${formatPoint(this.#point)}${short}`,
      ...(infeasible && { infeasible }),
    };
  }
}
