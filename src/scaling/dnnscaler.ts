import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { formatPoint, sameKnobs } from '../operating-point.ts';
import { BatchingScaler } from './batching.ts';
import type { InstanceLatencyEstimator } from './multi-tenancy.ts';
import { MultiTenancyScaler } from './multi-tenancy.ts';
import { Profiler, describeProfile } from './profiler.ts';
import type { Objective } from './objective.ts';
import type { Approach, Decision, Observation, ProfileReport, Scaler } from './scaler.ts';
import { Valuation } from './valuation.ts';

/**
 * The paper's method: profile once, choose the knob that helps this network more on this machine,
 * then scale that knob. The chosen scaler starts from what the profiler measured.
 */
export class DnnScaler implements Scaler {
  readonly name = 'dnnscaler';
  readonly #limits: KnobLimits;
  readonly #estimate: InstanceLatencyEstimator;
  readonly #valuation: Valuation;
  readonly #profiler: Profiler;
  #profile: ProfileReport | null = null;
  /** The probe that was asked for, and did not get there at first. */
  #missed: OperatingPoint | undefined;
  #chosen: Scaler | null = null;

  constructor(
    limits: KnobLimits,
    estimate: InstanceLatencyEstimator,
    objective: Objective = 'throughput',
  ) {
    this.#limits = limits;
    this.#estimate = estimate;
    this.#valuation = new Valuation(objective);
    this.#profiler = new Profiler(limits, this.#valuation);
  }

  get approach(): Approach | null {
    return this.#profile?.approach ?? null;
  }

  get profile(): ProfileReport | null {
    return this.#profile;
  }

  get wants(): 'percentile' | 'throughput' {
    return this.#chosen?.wants ?? 'throughput';
  }

  first(): OperatingPoint {
    return this.#profiler.next() as OperatingPoint;
  }

  decide(observation: Observation): Decision {
    if (this.#chosen !== null) return this.#chosen.decide(observation);
    const asked = this.#profiler.next() as OperatingPoint;
    if (!sameKnobs(observation.point, asked) && this.#missed !== asked) {
      // An instance may have died on the way: no verdict by what was never tried.
      this.#missed = asked;
      const reason = `reached ${formatPoint(observation.point)} only: probe ${formatPoint(asked)} again`;
      return { point: asked, kind: 'probe', reason };
    }
    this.#profiler.record(observation);
    const next = this.#profiler.next();
    if (next !== undefined) {
      const measured = `measured ${formatPoint(observation.point)}`;
      return { point: next, kind: 'probe', reason: `${measured}: probe ${formatPoint(next)}` };
    }
    this.#profile = this.#profiler.report();
    this.#chosen = this.#choose(this.#profile.approach, observation.slo.limitMs);
    const point = this.#chosen.first();
    return {
      point,
      kind: sameKnobs(point, observation.point) ? 'hold' : 'move',
      reason: `${describeProfile(this.#profile)}: start at ${formatPoint(point)}`,
    };
  }

  #choose(approach: Approach, limitMs: number): Scaler {
    const common = { limits: this.#limits, limitMs, valuation: this.#valuation };
    if (approach === 'batching') {
      return new BatchingScaler({ ...common, known: this.#profiler.readings('batchSize') });
    }
    return new MultiTenancyScaler({
      ...common,
      estimate: this.#estimate,
      known: this.#profiler.readings('instances'),
    });
  }
}
