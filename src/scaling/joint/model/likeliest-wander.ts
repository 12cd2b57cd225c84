import { departures, factorsWith, quietCovariance } from './covariance.ts';
import { latencyLaws, lawShapesAt } from './latency-laws.ts';
import type { Explanation } from './latency-model.ts';
import { LatencyModel } from './latency-model.ts';
import { logDeterminantOf, misfitOf } from './linear-algebra.ts';
import type { TimedReading } from './point-reading.ts';
import type { Stretch, Wander } from './wander.ts';
import { quiet } from './wander.ts';

/** Ways to wander that are told apart: how far, and for how long. */
const wanders: readonly Wander[] = [500, 2000, 8000].flatMap((forgetsMs) =>
  [0.03, 0.05, 0.08, 0.12, 0.18].map((sd) => ({ sd, forgetsMs })),
);
/** Logarithm of how much likelier than on a quiet machine readings have to be for one to be believed. */
const leastEvidence = 3;
/** Fewer readings cannot tell. */
const fewestReadings = 4;
/** The likeliest explanations, by which that is judged. */
const mostJudges = 40;

export interface Circumstances {
  /** Readings of full batches on all instances, default all: others differ by their batches, too. */
  readonly telling?: readonly TimedReading[];
  /** What is to be predicted; default soon after the last reading. */
  readonly ahead?: Stretch;
  /** What the readings are explained with to begin with; default a quiet machine. */
  readonly before?: Wander | undefined;
}

/** The model of a machine that wanders as readings make likeliest; a quiet one unless they are clear. */
export function likeliestModel(
  readings: readonly TimedReading[],
  { telling = readings, ahead, before = quiet }: Circumstances = {},
): LatencyModel {
  const model = new LatencyModel(readings, before, ahead);
  const wander = likeliestWander(telling, model.explanations.slice(0, mostJudges));
  return wander === before ? model : new LatencyModel(readings, wander, ahead);
}

function likeliestWander(
  readings: readonly TimedReading[],
  judges: readonly Explanation[],
): Wander {
  if (readings.length < fewestReadings) return quiet;
  const quietCovariances = departures.map((departure) => quietCovariance(readings, departure));
  const shapes = readings.map(({ batchSize, instances }) => lawShapesAt(batchSize, instances));
  const residuals = judges.map(({ law }) =>
    Float64Array.from(readings, ({ latencyMs }, i) => {
      return Math.log(latencyMs) - ((shapes[i] as Float64Array)[law] as number);
    }),
  );
  const evidenceOf = (wander: Wander): number =>
    logEvidence(factorsWith(wander, readings, quietCovariances), judges, residuals);
  let best = quiet;
  let most = evidenceOf(quiet) + leastEvidence;
  for (const wander of wanders) {
    const evidence = evidenceOf(wander);
    if (evidence <= most) continue;
    most = evidence;
    best = wander;
  }
  return best;
}

/** Logarithm of the likelihood of the readings, up to a constant. */
function logEvidence(
  factors: readonly Float64Array[],
  judges: readonly Explanation[],
  residuals: readonly Float64Array[],
): number {
  const n = residuals[0]?.length ?? 0;
  const half = new Float64Array(n);
  const logDeterminants = factors.map((lower) => logDeterminantOf(lower, n));
  const logs = judges.map(({ departure, law }, at) => {
    const lower = factors[departure] as Float64Array;
    const misfit = misfitOf(lower, n, residuals[at] as Float64Array, half);
    const logDeterminant = logDeterminants[departure] as number;
    return (latencyLaws[law]?.logWeight ?? 0) - 0.5 * (misfit + logDeterminant);
  });
  const top = Math.max(...logs);
  return top + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - top), 0));
}
