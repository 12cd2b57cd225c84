import type { OperatingPoint } from '../operating-point.ts';
import { formatPoint } from '../operating-point.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';

/** Visits given points once each, in order, and keeps what was observed there: a sweep. */
export class VisitScaler implements Scaler {
  readonly name = 'sweep';
  readonly approach = null;
  readonly profile = null;
  readonly wants: 'percentile' | 'throughput';
  /** What was observed, in the order of the points. */
  readonly observations: Observation[] = [];
  readonly #points: readonly OperatingPoint[];

  /** @param points at least one */
  constructor(
    points: readonly OperatingPoint[],
    wants: 'percentile' | 'throughput' = 'throughput',
  ) {
    this.#points = points;
    this.wants = wants;
  }

  /** True once every point has been observed. */
  get isDone(): boolean {
    return this.observations.length >= this.#points.length;
  }

  first(): OperatingPoint {
    return this.#points[0] as OperatingPoint;
  }

  decide(observation: Observation): Decision {
    if (!this.isDone) this.observations.push(observation);
    const next = this.#points[this.observations.length];
    const measured = `measured ${formatPoint(observation.point)}`;
    if (next === undefined) {
      return { point: observation.point, kind: 'hold', reason: `${measured}: the last point` };
    }
    return { point: next, kind: 'probe', reason: `${measured}: next ${formatPoint(next)}` };
  }
}
