import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { describeStanding, instancesBind, standingOf } from './assessment.ts';
import type { KnobReading } from './knob-reading.ts';
import { KnobMemory } from './knob-memory.ts';
import { readingOf } from './knob-reading.ts';
import { towardsPeak } from './peak-search.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';
import { Valuation } from './valuation.ts';

/**
 * Estimates latencies at 1..`count` instances from the few observed ones: `result[n - 1]` is the
 * latency in ms at n instances.
 */
export type InstanceLatencyEstimator = (
  observedMs: ReadonlyMap<number, number>,
  count: number,
) => readonly number[];

export interface MultiTenancyOptions {
  readonly limits: KnobLimits;
  readonly estimate: InstanceLatencyEstimator;
  /** What the profiler measured, by instances, at the smallest batch; probed first when absent. */
  readonly known?: ReadonlyMap<number, KnobReading>;
  /** Limit of the SLO in ms; used with `known` to choose where to start. */
  readonly limitMs?: number;
  /** What is to be raised; default throughput. Shared with whoever measured `known`. */
  readonly valuation?: Valuation;
}

/** One more instance is a step large enough for throughputs to be compared. */
const tellingRatio = 1;

/** Instances of the paper's second latency probe. */
export const probedInstances = 8;

/**
 * The paper's Multi-Tenancy: starts at the largest count of instances whose estimated latency is
 * within the SLO, then goes one instance at a time, at the smallest batch. It grows only below the
 * band, or within it where that may bring clearly more throughput, while instances are busy, and
 * where one more instance is not known to break the SLO or to bring nothing. That knowledge is what
 * stops oscillation; it never stops a step down, so a violation is never locked in.
 */
export class MultiTenancyScaler implements Scaler {
  readonly name = 'multi-tenancy';
  readonly approach = 'multi-tenancy';
  readonly profile = null;
  readonly #limits: KnobLimits;
  readonly #estimate: InstanceLatencyEstimator;
  readonly #valuation: Valuation;
  readonly #memory: KnobMemory;
  /** Counts of instances still to be probed before the start can be estimated. */
  readonly #toProbe: number[];
  readonly #observed = new Map<number, KnobReading>();
  readonly #first: number;
  /** The count last asked for; an engine may reach less. */
  #asked: number;

  constructor(options: MultiTenancyOptions) {
    this.#limits = options.limits;
    const valuation = options.valuation ?? new Valuation();
    this.#valuation = valuation;
    this.#memory = new KnobMemory(tellingRatio, (instances) =>
      valuation.divisorAt(options.limits.minBatchSize, instances),
    );
    this.#estimate = options.estimate;
    const { maxInstances } = options.limits;
    if (options.known !== undefined && options.limitMs !== undefined) {
      for (const [instances, reading] of options.known) this.#observed.set(instances, reading);
      this.#toProbe = [];
      this.#first = this.#start(options.limitMs);
    } else {
      this.#toProbe = [...new Set([1, Math.min(probedInstances, maxInstances)])];
      this.#first = 1;
    }
    this.#asked = this.#first;
  }

  get wants(): 'percentile' | 'throughput' {
    return this.#toProbe.length > 0 ? 'throughput' : 'percentile';
  }

  first(): OperatingPoint {
    return this.#at(this.#first);
  }

  decide(observation: Observation): Decision {
    return this.#toProbe.length > 0 ? this.#probe(observation) : this.#step(observation);
  }

  #probe(observation: Observation): Decision {
    const probed = observation.point.instances;
    this.#valuation.learn(observation);
    this.#observed.set(probed, readingOf(observation));
    this.#toProbe.shift();
    const next = this.#toProbe[0];
    if (next !== undefined) {
      return {
        point: this.#at(next),
        kind: 'probe',
        reason: `measured ${count(probed)}: probe ${count(next)} to estimate the counts between`,
      };
    }
    const start = this.#start(observation.slo.limitMs);
    this.#asked = start;
    return {
      point: this.#at(start),
      kind: start === probed ? 'hold' : 'move',
      reason: `the most instances with an estimated latency within the SLO: ${start}`,
    };
  }

  #step(observation: Observation): Decision {
    const current = observation.point.instances;
    const { limitMs } = observation.slo;
    const why = describeStanding(observation);
    const hold = (note: string): Decision => ({
      point: this.#at(current),
      kind: 'hold',
      reason: `${why}: ${note}`,
    });
    const moveTo = (instances: number, because = why): Decision => {
      this.#asked = instances;
      return {
        point: this.#at(instances),
        kind: 'move',
        reason: `${because}: ${count(current)} -> ${instances}`,
      };
    };

    if (this.#asked > current) this.#memory.recordUnreachable(this.#asked);
    this.#asked = current;
    this.#valuation.learn(observation);
    this.#memory.record(current, readingOf(observation));
    const standing = standingOf(observation);
    if (standing === 'over') {
      return current > 1
        ? moveTo(current - 1)
        : { ...hold('already at one instance'), infeasible: true };
    }
    if (this.#valuation.objective === 'throughput-per-watt') {
      if (!instancesBind(observation)) return hold('instances are idle, more would not help');
      const next = towardsPeak(this.#memory, current, {
        ...{ min: 1, max: this.#limits.maxInstances, limitMs, gapRatio: tellingRatio },
        above: (most) => most + 1,
      });
      return next === current
        ? hold(`no other count is known to give more ${this.#valuation.aim}`)
        : moveTo(next, `${why}, looking for the most ${this.#valuation.aim}`);
    }
    const best = this.#memory.best(limitMs);
    if (best !== undefined && best < current && this.#memory.fallsShortOf(best, current)) {
      return moveTo(best, `throughput is lower than with ${count(best)}`);
    }
    const { maxInstances } = this.#limits;
    if (current >= maxInstances) return hold('already at the most instances');
    if (!instancesBind(observation)) return hold('instances are idle, more would not help');
    const isInBand = standing === 'within';
    if (isInBand && !this.#memory.isPromising(current, maxInstances, limitMs)) {
      return hold('in the band, hold');
    }
    const closed = this.#memory.smallestUselessAbove(current, limitMs) === current + 1;
    const flat = this.#memory.gainedNothingAt(current, limitMs);
    if (!closed && !flat) {
      return moveTo(current + 1, isInBand ? `${why}, with room for more throughput` : why);
    }
    this.#memory.tire(current, limitMs);
    return hold(
      closed
        ? 'one more is known to break the SLO or to bring nothing'
        : 'more instances no longer raise throughput',
    );
  }

  /** The largest count whose estimate is within the limit; at least 1. */
  #start(limitMs: number): number {
    const { maxInstances } = this.#limits;
    const observedMs = new Map<number, number>();
    for (const [instances, reading] of this.#observed) observedMs.set(instances, reading.latencyMs);
    for (const [instances, reading] of this.#observed) this.#memory.record(instances, reading);
    const estimates = this.#estimate(observedMs, maxInstances);
    let start = 1;
    for (let n = 2; n <= maxInstances; n += 1) {
      if ((estimates[n - 1] ?? Number.POSITIVE_INFINITY) <= limitMs) start = n;
    }
    return start;
  }

  #at(instances: number): OperatingPoint {
    return { batchSize: this.#limits.minBatchSize, instances };
  }
}

function count(instances: number): string {
  return `${instances} instance${instances === 1 ? '' : 's'}`;
}
