import type { OperatingPoint } from '../operating-point.ts';
import { sameKnobs } from '../operating-point.ts';
import { Random } from '../random.ts';
import type { Slo } from '../slo.ts';
import { summarizeLatencies } from '../telemetry/latency-summary.ts';
import type { InstanceLatencyEstimator } from './multi-tenancy.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';

/** Latency of a call in ms, without noise. */
export type Law = (batchSize: number, instances: number) => number;

/** Batching pays: a fixed cost, and a little for each row. Instances share the machine. */
export const linearLaw =
  (fixedMs: number, perRowMs: number): Law =>
  (batchSize, instances) =>
    (fixedMs + perRowMs * batchSize) * instances;

/** Multi-Tenancy pays: instances are free until the machine is full. */
export const timeSlicedLaw =
  (aloneMs: number, atEightMs: number): Law =>
  (batchSize, instances) =>
    Math.max(aloneMs, (instances * atEightMs) / 8) * (1 + 0.97 * (batchSize - 1));

/** Fills in the counts between two observed ones by the law of time slicing. */
export const timeSlicingEstimate: InstanceLatencyEstimator = (observedMs, count) => {
  const most = Math.max(...observedMs.keys());
  const aloneMs = observedMs.get(1) ?? Number.NaN;
  const mostMs = observedMs.get(most) ?? Number.NaN;
  return Array.from({ length: count }, (_, i) => Math.max(aloneMs, ((i + 1) * mostMs) / most));
};

export type ObservationParts = Partial<Omit<Observation, 'point' | 'slo'>> & {
  readonly latencyMs?: number;
};

/** An observation in which every call took `latencyMs`, on full batches and busy instances. */
export function observationOf(
  point: OperatingPoint,
  slo: Slo,
  parts: ObservationParts = {},
): Observation {
  const { latencyMs = 10, ...rest } = parts;
  const latency = summarizeLatencies([new Float64Array(40).fill(latencyMs)], slo.percentile);
  const rows = 40 * point.batchSize;
  return {
    point,
    slo,
    durationMs: (40 * latencyMs) / point.instances,
    endMs: (40 * latencyMs) / point.instances,
    calls: 40,
    rows,
    throughputPerS: (1000 * point.batchSize * point.instances) / latencyMs,
    executionLatency: latency,
    requestLatency: latency,
    batchFill: 1,
    busyShare: 1,
    arrivals: rows,
    shed: 0,
    errors: 0,
    ...rest,
  };
}

export interface Step {
  readonly observation: Observation;
  readonly decision: Decision;
}

export interface Scene {
  readonly law: Law;
  readonly slo: Slo;
  /** Sigma of the lognormal noise on each call; default 0. */
  readonly noiseSigma?: number;
  readonly seed?: number;
  /** What the engine reaches; default what was asked for. */
  readonly reach?: (point: OperatingPoint) => OperatingPoint;
  /** Power at a point, in watts; NaN or absent where none is measured. */
  readonly wattsOf?: Law;
}

const callsPerWindow = 40;
const horizonWindows = 8;

/**
 * Feeds a scaler with what a saturated machine would show, window by window. As in the deployment,
 * an observation spans the latest windows at a point and at one speed of the machine.
 */
export class Rehearsal {
  readonly steps: Step[] = [];
  law: Law;
  slo: Slo;
  readonly #scaler: Scaler;
  readonly #noiseSigma: number;
  readonly #wattsOf: Law | undefined;
  readonly #reach: (point: OperatingPoint) => OperatingPoint;
  readonly #random: Random;
  #point: OperatingPoint;
  #windows: Float64Array[] = [];
  #law: Law | undefined;
  #nowMs = 0;

  constructor(scaler: Scaler, scene: Scene) {
    this.law = scene.law;
    this.slo = scene.slo;
    this.#scaler = scaler;
    this.#noiseSigma = scene.noiseSigma ?? 0;
    this.#wattsOf = scene.wattsOf;
    this.#reach = scene.reach ?? ((point) => point);
    this.#random = new Random(scene.seed ?? 1);
    this.#point = this.#reach(scaler.first());
  }

  get point(): OperatingPoint {
    return this.#point;
  }

  /** Plays some windows and returns what happened in them. */
  play(windows: number): readonly Step[] {
    const from = this.steps.length;
    for (let i = 0; i < windows; i += 1) this.#step();
    return this.steps.slice(from);
  }

  #step(): void {
    const observation = this.#observe();
    const decision = this.#scaler.decide(observation);
    this.steps.push({ observation, decision });
    const { point } = decision;
    if (sameKnobs(point, this.#point)) return;
    this.#point = this.#reach(point);
    this.#windows = [];
  }

  #observe(): Observation {
    const { batchSize, instances } = this.#point;
    const baseMs = this.law(batchSize, instances);
    const calls = Float64Array.from(
      { length: callsPerWindow },
      () => baseMs * Math.exp(this.#noiseSigma * this.#random.normal()),
    );
    if (this.#law !== this.law) this.#windows = [];
    this.#law = this.law;
    this.#windows = [...this.#windows.slice(1 - horizonWindows), calls];
    const latency = summarizeLatencies(this.#windows, this.slo.percentile);
    const meanMs = calls.reduce((sum, ms) => sum + ms, 0) / callsPerWindow;
    const durationMs = (callsPerWindow * meanMs) / instances;
    this.#nowMs += durationMs;
    const powerWatts = this.#wattsOf?.(batchSize, instances) ?? Number.NaN;
    return observationOf(this.#point, this.slo, {
      latencyMs: latency.meanMs,
      executionLatency: latency,
      requestLatency: latency,
      endMs: this.#nowMs,
      newestWindow: {
        ...{ durationMs, meanMs, calls: callsPerWindow },
        rows: callsPerWindow * batchSize,
      },
      ...(powerWatts > 0 && { powerWatts }),
    });
  }
}

/** Changes of the operating point among the steps. */
export function movesIn(steps: readonly Step[]): number {
  return steps.filter(({ observation, decision }) => !sameKnobs(decision.point, observation.point))
    .length;
}

export interface Best {
  readonly value: number;
  readonly throughputPerS: number;
}

/** The best value of one knob, the other at 1, found by trying them all; value 0 when none fits. */
export function exhaustiveBest(
  law: Law,
  knob: 'batchSize' | 'instances',
  limitMs: number,
  max: number,
): Best {
  let best: Best = { value: 0, throughputPerS: 0 };
  for (let value = 1; value <= max; value += 1) {
    const latencyMs = knob === 'batchSize' ? law(value, 1) : law(1, value);
    const throughputPerS = (1000 * value) / latencyMs;
    if (latencyMs <= limitMs && throughputPerS > best.throughputPerS) {
      best = { value, throughputPerS };
    }
  }
  return best;
}
