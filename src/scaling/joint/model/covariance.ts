import { choleskyInPlace } from './linear-algebra.ts';
import type { PointReading, TimedReading } from './point-reading.ts';
import type { Wander } from './wander.ts';
import { covarianceOfMeans } from './wander.ts';

/**
 * How far a network may stray from a law (standard deviation of the logarithm), and how far along
 * the logarithm of a knob the straying of two points stays alike.
 */
export const departures = [
  { sd: 0.12, length: 1.5 },
  { sd: 0.06, length: 1.5 },
  { sd: 0.25, length: 1.5 },
  { sd: 0.15, length: 0.3 },
];

export type Departure = (typeof departures)[number];

/** Standard deviation of the logarithm of the latency at (1,1): nothing is known of it beforehand. */
export const logScaleSd = 3;
/** How any machine's speed drifts: almost all of it lasts. */
export const drift: Wander = { sd: 0.06, forgetsMs: 3_600_000 };

/**
 * Of the logarithms of the readings about a law on a quiet machine, n x n values of which the lower half
 * is set: what is common to all, the departure from the law, the drift, and the readings' errors.
 */
export function quietCovariance(
  readings: readonly TimedReading[],
  { sd, length }: Departure,
): Float64Array {
  const n = readings.length;
  const matrix = new Float64Array(n * n);
  readings.forEach((a, i) => {
    for (let j = 0; j <= i; j += 1) {
      const b = readings[j] as TimedReading;
      const departure = sd * sd * correlation(distance(a.batchSize, a.instances, b), length);
      const shared = (a.sharedSd ?? 0) * (b.sharedSd ?? 0);
      const error = shared + (i === j ? a.relativeSd ** 2 : 0);
      matrix[i * n + j] = logScaleSd ** 2 + departure + covarianceOfMeans(drift, a, b) + error;
    }
  });
  return matrix;
}

/** Cholesky factors of such covariances on a machine whose speed wanders. */
export function factorsWith(
  wander: Wander,
  readings: readonly TimedReading[],
  quietCovariances: readonly Float64Array[],
): readonly Float64Array[] {
  const n = readings.length;
  const inTime = new Float64Array(n * n);
  readings.forEach((a, i) => {
    for (let j = 0; j <= i; j += 1) {
      inTime[i * n + j] = covarianceOfMeans(wander, a, readings[j] as TimedReading);
    }
  });
  return quietCovariances.map((quiet) =>
    choleskyInPlace(
      quiet.map((value, at) => value + (inTime[at] as number)),
      n,
    ),
  );
}

/** Distance in the logarithms of both knobs. */
export function distance(batchSize: number, instances: number, reading: PointReading): number {
  const alongBatch = Math.log(batchSize / reading.batchSize);
  const alongInstances = Math.log(instances / reading.instances);
  return Math.sqrt(alongBatch * alongBatch + alongInstances * alongInstances);
}

/** Matern 3/2. */
export function correlation(apart: number, length: number): number {
  const scaled = (Math.sqrt(3) * apart) / length;
  return (1 + scaled) * Math.exp(-scaled);
}
