import type { OperatingPoint } from '../operating-point.ts';
import { sameKnobs } from '../operating-point.ts';
import { aimOf } from './objective.ts';
import type { Objective } from './objective.ts';
import type { Observation } from './scaler.ts';

/** What was measured at one point. */
interface PowerReading {
  readonly point: OperatingPoint;
  readonly watts: number;
  /** Measured time behind it. */
  readonly durationMs: number;
}

/** What was seen before at a point weighs at most this many times what is seen there now. */
const mostWeightOfBefore = 4;
/** Older readings are forgotten. */
const mostReadings = 24;
/** Squared logarithm of a knob's spread from which on its readings count for more than no slope. */
const slopeDoubt = 0.5;
/** How far (logarithm of the knobs) what a reading departs from the trend is believed to reach. */
const reach = Math.LN2;
/** Readings within reach count as much as the trend. */
const trendWeight = 0.5;

/**
 * What operating points are worth under an objective: the one place that knows the difference
 * between rows per second and rows per joule, shared by all scalers. Both are a rate over the
 * power at the point, where throughput counts every point's power as 1.
 *
 * Power at points that were not measured follows ln W = a + b ln(batch size) + c ln(instances),
 * fitted by ridge regression with slopes of 0 to start from, and corrected by what neighbours depart
 * from it. So after one reading every point is believed to draw the same power, and what is worth
 * trying is what raises throughput; from the second on the search knows better.
 */
export class Valuation {
  readonly objective: Objective;
  #readings: readonly PowerReading[] = [];

  constructor(objective: Objective = 'throughput') {
    this.objective = objective;
  }

  /** What is to be raised, in words. */
  get aim(): string {
    return aimOf(this.objective);
  }

  /** Takes in the power of an observation; one without a measured power says nothing. */
  learn({ point, powerWatts, durationMs }: Observation): void {
    if (powerWatts === undefined || !(powerWatts > 0) || !(durationMs > 0)) return;
    const before = this.#readings.find((reading) => sameKnobs(reading.point, point));
    const others = this.#readings.filter((reading) => reading !== before);
    const heldMs = Math.min(before?.durationMs ?? 0, mostWeightOfBefore * durationMs);
    const totalMs = heldMs + durationMs;
    const watts = ((before?.watts ?? 0) * heldMs + powerWatts * durationMs) / totalMs;
    this.#readings = [{ point, watts, durationMs: totalMs }, ...others].slice(0, mostReadings);
  }

  /**
   * What the throughput at a point is to be divided by to be its worth: 1, or its power in watts, as
   * measured or else estimated. 1 everywhere as long as no power was measured at all.
   */
  divisorAt(batchSize: number, instances: number): number {
    if (this.objective === 'throughput' || this.#readings.length === 0) return 1;
    const known = this.#readings.find(
      ({ point }) => point.batchSize === batchSize && point.instances === instances,
    );
    return known?.watts ?? this.#estimate(Math.log(batchSize), Math.log(instances));
  }

  #estimate(logBatch: number, logInstances: number): number {
    const cells = this.#readings.map(({ point, watts }) => ({
      x: Math.log(point.batchSize),
      y: Math.log(point.instances),
      logWatts: Math.log(watts),
    }));
    const mean = (of: (cell: (typeof cells)[0]) => number): number =>
      cells.reduce((sum, cell) => sum + of(cell), 0) / cells.length;
    const center = { x: mean(({ x }) => x), y: mean(({ y }) => y), w: mean((c) => c.logWatts) };
    const sum = (of: (dx: number, dy: number, dw: number) => number): number =>
      cells.reduce(
        (total, { x, y, logWatts }) => total + of(x - center.x, y - center.y, logWatts - center.w),
        0,
      );
    const xx = sum((dx) => dx * dx) + slopeDoubt;
    const yy = sum((_, dy) => dy * dy) + slopeDoubt;
    const xy = sum((dx, dy) => dx * dy);
    const xw = sum((dx, _, dw) => dx * dw);
    const yw = sum((_, dy, dw) => dy * dw);
    // Over 0, since both diagonal elements exceed what Cauchy-Schwarz allows xy by the doubt.
    const determinant = xx * yy - xy * xy;
    const slopeX = (yy * xw - xy * yw) / determinant;
    const slopeY = (xx * yw - xy * xw) / determinant;
    const trend = (x: number, y: number): number =>
      center.w + slopeX * (x - center.x) + slopeY * (y - center.y);
    let weights = trendWeight;
    let departure = 0;
    for (const { x, y, logWatts } of cells) {
      const squared = (x - logBatch) ** 2 + (y - logInstances) ** 2;
      const weight = Math.exp(-squared / (2 * reach * reach));
      weights += weight;
      departure += weight * (logWatts - trend(x, y));
    }
    return Math.exp(trend(logBatch, logInstances) + departure / weights);
  }
}
