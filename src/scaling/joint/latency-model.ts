import type { LatencyBelief } from './belief.ts';
import { latencyLaws } from './latency-laws.ts';
import {
  choleskyInPlace,
  inverseOf,
  quadraticForm,
  solveInPlace,
  sumOf,
} from './linear-algebra.ts';

/** What one operating point was found to be like. */
export interface PointReading {
  /** Rows per call on average, 1 or more. */
  readonly batchSize: number;
  /** Instances running at a time on average, 1 or more. */
  readonly instances: number;
  /** Mean time of a call, in ms. */
  readonly latencyMs: number;
  /** Relative standard deviation of that mean, over 0. */
  readonly relativeSd: number;
}

/** Predicts latencies at points never visited, from readings elsewhere. */
export interface LatencyPredictor {
  predict(batchSize: number, instances: number): LatencyBelief;
}

/**
 * How far a network may stray from a law (standard deviation of the logarithm), and how far along
 * the logarithm of a knob the straying of two points stays alike.
 */
const departures = [
  { sd: 0.12, length: 1.5 },
  { sd: 0.06, length: 1.5 },
  { sd: 0.25, length: 1.5 },
  { sd: 0.15, length: 0.3 },
];

/** Fewer readings cannot tell one kind of departure from another: the first is taken. */
const tellingReadings = 3;

/** Standard deviation of the logarithm of the latency at (1,1): nothing is known of it beforehand. */
const logScaleSd = 3;
/** The likeliest explanations are kept until they have this share of all weight. */
const keptWeight = 0.97;
/** No prediction is surer than this, squared. */
const leastVariance = 1e-6;

/**
 * What is believed of a network's latencies after some readings. Every explanation is a law from
 * the family times a smooth departure from it: a Gaussian process on the logarithms, with the law as
 * its mean and a Matern-3/2 kernel (Rasmussen and Williams, "Gaussian Processes for Machine
 * Learning", 2006, chapters 2 and 5). An explanation's weight is its prior times the likelihood of
 * the readings under it, so laws that do not fit fade, and what no law fits is left to the
 * departures. At a point that was read, the belief is the reading.
 */
export class LatencyModel implements LatencyPredictor {
  readonly #readings: readonly PointReading[];
  /** Logarithms of the readings, and the shapes of all laws there. */
  readonly #logs: Float64Array;
  readonly #shapes: readonly Float64Array[];
  /** One lower Cholesky factor for each kind of departure. */
  readonly #factors: readonly Float64Array[];
  readonly #correlations: readonly Float64Array[];
  readonly #deviations = new Float64Array(departures.length);
  readonly #distances: Float64Array;
  readonly #half: Float64Array;
  /** By explanation: departure, law, shift of the logarithm and weight of each reading. */
  readonly #departureOf: Uint8Array;
  readonly #lawOf: Int32Array;
  readonly #shifts: Float64Array;
  readonly #weights: Float64Array;
  readonly #belief: LatencyBelief;

  constructor(readings: readonly PointReading[]) {
    const n = readings.length;
    this.#readings = readings;
    this.#logs = Float64Array.from(readings, ({ latencyMs }) => Math.log(latencyMs));
    this.#shapes = readings.map(({ batchSize, instances }) => shapesAt(batchSize, instances));
    const kinds = n < tellingReadings ? departures.slice(0, 1) : departures;
    this.#factors = kinds.map((departure) => choleskyInPlace(covariance(readings, departure), n));
    this.#correlations = kinds.map(() => new Float64Array(n));
    this.#distances = new Float64Array(n);
    this.#half = new Float64Array(n);

    const explanations = this.#weigh();
    const count = explanations.length;
    this.#departureOf = Uint8Array.from(explanations, ({ departure }) => departure);
    this.#lawOf = Int32Array.from(explanations, ({ law }) => law);
    this.#shifts = new Float64Array(count);
    this.#weights = new Float64Array(count * n);
    explanations.forEach(({ departure, law }, c) => {
      const { sd } = departures[departure] as Departure;
      const weights = this.#residuals(law);
      solveInPlace(this.#factors[departure] as Float64Array, n, weights);
      this.#shifts[c] = logScaleSd ** 2 * sumOf(weights);
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
    const shapes = shapesAt(batchSize, instances);
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
        let sum = logScaleSd ** 2 + sd * sd * alike;
        for (let k = 0; k < i; k += 1) sum -= (lower[i * n + k] as number) * (half[k] as number);
        const value = sum / (lower[i * n + i] as number);
        half[i] = value;
        explained += value * value;
      }
      const variance = logScaleSd ** 2 + sd * sd - explained;
      this.#deviations[d] = Math.sqrt(Math.max(leastVariance, variance));
    }
  }

  /** The likeliest explanations, which together have almost all of the weight. */
  #weigh(): readonly Explanation[] {
    const n = this.#readings.length;
    const logWeights = new Float64Array(this.#factors.length * latencyLaws.length);
    const residuals = latencyLaws.map((_, law) => this.#residuals(law));
    this.#factors.forEach((lower, departure) => {
      const logDeterminant = 2 * sumOf(lower.filter((_, at) => at % (n + 1) === 0).map(Math.log));
      const inverse = inverseOf(lower, n);
      latencyLaws.forEach((law, l) => {
        const misfit = quadraticForm(inverse, residuals[l] as Float64Array);
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

/** A law with a departure from it. */
interface Explanation {
  readonly departure: number;
  readonly law: number;
  /** Weight among all explanations. */
  readonly share: number;
}

type Departure = (typeof departures)[number];

function covariance(readings: readonly PointReading[], { sd, length }: Departure): Float64Array {
  const n = readings.length;
  const matrix = new Float64Array(n * n);
  readings.forEach((a, i) => {
    readings.forEach((b, j) => {
      const alike = correlation(distance(a.batchSize, a.instances, b), length);
      const noise = i === j ? a.relativeSd ** 2 : 0;
      matrix[i * n + j] = logScaleSd ** 2 + sd * sd * alike + noise;
    });
  });
  return matrix;
}

/** Distance in the logarithms of both knobs. */
function distance(batchSize: number, instances: number, reading: PointReading): number {
  const alongBatch = Math.log(batchSize / reading.batchSize);
  const alongInstances = Math.log(instances / reading.instances);
  return Math.sqrt(alongBatch * alongBatch + alongInstances * alongInstances);
}

/** Matern 3/2. */
function correlation(apart: number, length: number): number {
  const scaled = (Math.sqrt(3) * apart) / length;
  return (1 + scaled) * Math.exp(-scaled);
}

const wholeInstances = 64;
const wholeShapes: (Float64Array | undefined)[] = [];

/** The shape of every law at one point; remembered for whole batches and instances. */
function shapesAt(batchSize: number, instances: number): Float64Array {
  const isWhole = Number.isInteger(batchSize) && Number.isInteger(instances);
  const key = batchSize * wholeInstances + instances;
  const known = isWhole && instances < wholeInstances ? wholeShapes[key] : undefined;
  if (known !== undefined) return known;
  const shapes = Float64Array.from(latencyLaws, (law) => law.logShape(batchSize, instances));
  if (isWhole && instances < wholeInstances) wholeShapes[key] = shapes;
  return shapes;
}
