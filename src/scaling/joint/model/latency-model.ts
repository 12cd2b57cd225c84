import { formatPoint } from '../../../operating-point.ts';
import type { LatencyBelief } from './belief.ts';
import type { Departure } from './covariance.ts';
import {
  correlation,
  departures,
  distance,
  drift,
  factorsWith,
  logScaleSd,
  quietCovariance,
} from './covariance.ts';
import { latencyLaws, lawShapesAt } from './latency-laws.ts';
import { logDeterminantOf, misfitOf, solveInPlace, sumOf } from './linear-algebra.ts';
import type { PointReading, TimedReading } from './point-reading.ts';
import type { Stretch, Wander } from './wander.ts';
import { covarianceOfMeans, nearFuture } from './wander.ts';

/** Predicts latencies at points never visited, from readings elsewhere. */
export interface LatencyPredictor {
  predict(batchSize: number, instances: number): LatencyBelief;
}

/** Fewer points read cannot tell one kind of departure from another: the first is taken. */
const tellingPoints = 3;

/** The likeliest explanations are kept until they have this share of all weight. */
const keptWeight = 0.97;
/** No prediction is surer than this, squared. */
const leastVariance = 1e-6;

/**
 * What is believed of a network's latencies after some readings. Every explanation is a law from
 * the family times a smooth departure from it times the machine's speed over time: a Gaussian process on
 * the logarithms, with the law as its mean, a Matern-3/2 kernel along the knobs and an exponential one
 * along time (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2, 4
 * and 5). An explanation's weight is its prior times the likelihood of the readings under it, so laws
 * that do not fit fade, and what no law fits is left to the departures. At a point that was read on a
 * quiet machine, the belief is the reading.
 */
export class LatencyModel implements LatencyPredictor {
  readonly #readings: readonly TimedReading[];
  /** Logarithms of the readings, and the shapes of all laws there. */
  readonly #logs: Float64Array;
  readonly #shapes: readonly Float64Array[];
  /** One lower Cholesky factor for each kind of departure. */
  readonly #factors: readonly Float64Array[];
  readonly #correlations: readonly Float64Array[];
  readonly #deviations = new Float64Array(departures.length);
  readonly #distances: Float64Array;
  readonly #half: Float64Array;
  /** Covariances of the speed in the stretch predicted with that of each reading, and its variance. */
  readonly #inTime: Float64Array;
  readonly #varianceInTime: number;
  /** By explanation: departure, law, shift of the logarithm and weight of each reading. */
  readonly #departureOf: Uint8Array;
  readonly #lawOf: Int32Array;
  readonly #shifts: Float64Array;
  readonly #weights: Float64Array;
  readonly #belief: LatencyBelief;
  /** The likeliest first. */
  readonly explanations: readonly Explanation[];
  /** How the machine's speed is taken to wander. */
  readonly wander: Wander;

  /** @param ahead what is predicted is the mean over this time; default soon after the last reading */
  constructor(
    readings: readonly TimedReading[],
    wander: Wander,
    ahead: Stretch = nearFuture(endOf(readings)),
  ) {
    const n = readings.length;
    this.wander = wander;
    this.#readings = readings;
    this.#logs = Float64Array.from(readings, ({ latencyMs }) => Math.log(latencyMs));
    this.#shapes = readings.map(({ batchSize, instances }) => lawShapesAt(batchSize, instances));
    const kinds = pointsIn(readings) < tellingPoints ? departures.slice(0, 1) : departures;
    const quietCovariances = kinds.map((departure) => quietCovariance(readings, departure));
    this.#factors = factorsWith(wander, readings, quietCovariances);
    this.#correlations = kinds.map(() => new Float64Array(n));
    this.#distances = new Float64Array(n);
    this.#half = new Float64Array(n);

    const inTime = (stretch: Stretch): number =>
      covarianceOfMeans(wander, stretch, ahead) + covarianceOfMeans(drift, stretch, ahead);
    this.#inTime = Float64Array.from(readings, inTime);
    this.#varianceInTime = inTime(ahead);
    const explanations = this.#weigh();
    this.explanations = explanations;
    const count = explanations.length;
    this.#departureOf = Uint8Array.from(explanations, ({ departure }) => departure);
    this.#lawOf = Int32Array.from(explanations, ({ law }) => law);
    this.#shifts = new Float64Array(count);
    this.#weights = new Float64Array(count * n);
    explanations.forEach(({ departure, law }, c) => {
      const { sd } = departures[departure] as Departure;
      const weights = this.#residuals(law);
      solveInPlace(this.#factors[departure] as Float64Array, n, weights);
      let speed = 0;
      for (let i = 0; i < n; i += 1) speed += (weights[i] as number) * (this.#inTime[i] as number);
      this.#shifts[c] = logScaleSd ** 2 * sumOf(weights) + speed;
      this.#weights.set(
        weights.map((weight) => weight * sd * sd),
        c * n,
      );
    });
    this.#belief = {
      count,
      shares: Float64Array.from(explanations, ({ share }) => share),
      logMs: new Float64Array(count),
      sds: new Float64Array(count),
    };
  }

  /** The belief of one point; valid until the next prediction. */
  predict(batchSize: number, instances: number): LatencyBelief {
    const n = this.#readings.length;
    this.#condition(batchSize, instances);
    const shapes = lawShapesAt(batchSize, instances);
    const { count, logMs, sds } = this.#belief;
    for (let c = 0; c < count; c += 1) {
      const departure = this.#departureOf[c] as number;
      const correlations = this.#correlations[departure] as Float64Array;
      let log = (shapes[this.#lawOf[c] as number] as number) + (this.#shifts[c] as number);
      for (let i = 0; i < n; i += 1) {
        log += (correlations[i] as number) * (this.#weights[c * n + i] as number);
      }
      logMs[c] = log;
      sds[c] = this.#deviations[departure] as number;
    }
    return this.#belief;
  }

  /** Correlations with the readings and the deviation that they leave, for each departure. */
  #condition(batchSize: number, instances: number): void {
    const n = this.#readings.length;
    const half = this.#half;
    for (let i = 0; i < n; i += 1) {
      this.#distances[i] = distance(batchSize, instances, this.#readings[i] as PointReading);
    }
    for (let d = 0; d < this.#factors.length; d += 1) {
      const { sd, length } = departures[d] as Departure;
      const lower = this.#factors[d] as Float64Array;
      const correlations = this.#correlations[d] as Float64Array;
      let explained = 0;
      for (let i = 0; i < n; i += 1) {
        const alike = correlation(this.#distances[i] as number, length);
        correlations[i] = alike;
        let sum = logScaleSd ** 2 + sd * sd * alike + (this.#inTime[i] as number);
        for (let k = 0; k < i; k += 1) sum -= (lower[i * n + k] as number) * (half[k] as number);
        const value = sum / (lower[i * n + i] as number);
        half[i] = value;
        explained += value * value;
      }
      const variance = logScaleSd ** 2 + sd * sd + this.#varianceInTime - explained;
      this.#deviations[d] = Math.sqrt(Math.max(leastVariance, variance));
    }
  }

  /** The likeliest explanations, which together have almost all of the weight. */
  #weigh(): readonly Explanation[] {
    const n = this.#readings.length;
    const logWeights = new Float64Array(this.#factors.length * latencyLaws.length);
    const residuals = latencyLaws.map((_, law) => this.#residuals(law));
    this.#factors.forEach((lower, departure) => {
      const logDeterminant = logDeterminantOf(lower, n);
      latencyLaws.forEach((law, l) => {
        const misfit = misfitOf(lower, n, residuals[l] as Float64Array, this.#half);
        const at = departure * latencyLaws.length + l;
        logWeights[at] = law.logWeight - 0.5 * (misfit + logDeterminant);
      });
    });
    const top = logWeights.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const weights = logWeights.map((logWeight) => Math.exp(logWeight - top));
    const enough = keptWeight * sumOf(weights);
    const order = Uint32Array.from(weights, (_, at) => at).sort(
      (a, b) => (weights[b] as number) - (weights[a] as number),
    );
    let kept = 0;
    let sum = 0;
    while (kept < order.length && sum < enough) {
      sum += weights[order[kept] as number] as number;
      kept += 1;
    }
    return Array.from(order.subarray(0, kept), (at) => ({
      departure: Math.floor(at / latencyLaws.length),
      law: at % latencyLaws.length,
      share: (weights[at] as number) / sum,
    }));
  }

  /** What a law leaves unexplained of each reading's logarithm. */
  #residuals(law: number): Float64Array {
    return this.#logs.map((log, i) => log - (this.#shapes[i]?.[law] as number));
  }
}

/** Batches that were not full are hardly points of their own. */
function pointsIn(readings: readonly PointReading[]): number {
  const whole = readings.map(({ batchSize, instances }) =>
    formatPoint({ batchSize: Math.round(batchSize), instances: Math.round(instances) }),
  );
  return new Set(whole).size;
}

/** When the last one ended. */
function endOf(readings: readonly TimedReading[]): number {
  return readings.reduce((latest, { endMs }) => Math.max(latest, endMs), Number.NEGATIVE_INFINITY);
}

/** A law with a departure from it, both by their index. */
export interface Explanation {
  readonly departure: number;
  readonly law: number;
  /** Weight among all explanations. */
  readonly share: number;
}
