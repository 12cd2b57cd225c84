import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { formatMs } from '../units.ts';
import {
  bandShare,
  batchSizeBinds,
  controlledLatencyMs,
  describeStanding,
  standingOf,
} from './assessment.ts';
import { KnobMemory } from './knob-memory.ts';
import type { KnobReading } from './knob-reading.ts';
import { typicalReadingOf } from './knob-reading.ts';
import { towardsPeak } from './peak-search.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';
import { Valuation } from './valuation.ts';

export interface BatchingOptions {
  readonly limits: KnobLimits;
  /** What the profiler measured, by batch size, with one instance: narrows the search. */
  readonly known?: ReadonlyMap<number, KnobReading>;
  /** Limit of the SLO in ms; used with `known` to choose the first batch size. */
  readonly limitMs?: number;
  /** What is to be raised; default throughput. Shared with whoever measured `known`. */
  readonly valuation?: Valuation;
}

/** An aim under this share of the SLO is worth a word. */
const tellingAim = 0.99;
/** Batch sizes closer than this differ too little for their throughputs to be compared. */
const tellingRatio = 1.4;

/**
 * The paper's Batching: a pseudo-binary search for the largest batch size whose latency at the
 * SLO's percentile stays within the SLO, with a single instance. It doubles as the search for the
 * batch size of highest throughput where that comes earlier: a larger batch without more
 * throughput counts as too large.
 *
 * Differs from the authors' code, which could run past its largest batch, had no guard against
 * oscillation and kept a stale bracket for ever: here the bracket is derived from readings, which
 * are rescaled when calls at the batch size in use show that the machine's speed has changed. And
 * within the band the search goes on while that may bring clearly more throughput. Where the machine's
 * speed wanders it aims below the SLO, by as much as the percentile over many windows exceeds one's.
 */
export class BatchingScaler implements Scaler {
  readonly name = 'batching';
  readonly approach = 'batching';
  readonly profile = null;
  readonly wants = 'percentile';
  readonly #limits: KnobLimits;
  readonly #valuation: Valuation;
  readonly #memory: KnobMemory;
  readonly #first: number;
  /** The batch size last asked for; an engine may reach less. */
  #asked: number;

  constructor(options: BatchingOptions) {
    this.#limits = options.limits;
    const valuation = options.valuation ?? new Valuation();
    this.#valuation = valuation;
    this.#memory = new KnobMemory(tellingRatio, (batchSize) => valuation.divisorAt(batchSize, 1));
    const { minBatchSize } = options.limits;
    let start = minBatchSize;
    if (options.known !== undefined && options.limitMs !== undefined) {
      for (const [batchSize, reading] of options.known) this.#memory.record(batchSize, reading);
      const best = this.#memory.best(options.limitMs);
      if (best !== undefined) start = this.#larger(best, options.limitMs) ?? best;
    }
    this.#first = start;
    this.#asked = start;
  }

  first(): OperatingPoint {
    return { batchSize: this.#first, instances: 1 };
  }

  decide(observation: Observation): Decision {
    const current = observation.point.batchSize;
    const { limitMs: sloMs, percentile } = observation.slo;
    const at = (batchSize: number): OperatingPoint => ({ batchSize, instances: 1 });
    const hold = (note: string): Decision => ({
      point: at(current),
      kind: 'hold',
      reason: `${why}: ${note}`,
    });
    const moveTo = (batchSize: number, because = why): Decision => {
      this.#asked = batchSize;
      return {
        point: at(batchSize),
        kind: 'move',
        reason: `${because}: batch ${current} -> ${batchSize}`,
      };
    };

    if (this.#asked > current) this.#memory.recordUnreachable(this.#asked);
    this.#asked = current;
    this.#valuation.learn(observation);
    const reading = typicalReadingOf(observation);
    this.#memory.record(current, reading);
    // What one window holds, many do not where the machine's speed wanders.
    const limitMs = sloMs / this.#memory.wanderFactor(reading, percentile);
    const why =
      limitMs < tellingAim * sloMs
        ? `${describeStanding(observation)}, aiming at ${formatMs(limitMs)} as the speed wanders`
        : describeStanding(observation);
    const standing = standingOf(observation);
    if (standing === 'over') {
      const smaller = this.#smaller(current, limitMs);
      return smaller === undefined
        ? { ...hold('already at the smallest batch'), infeasible: true }
        : moveTo(smaller);
    }
    if (!batchSizeBinds(observation)) return hold('batches are not full, more would not help');
    if (this.#valuation.objective === 'throughput-per-watt') {
      const { minBatchSize: min, maxBatchSize: max } = this.#limits;
      const next = towardsPeak(this.#memory, current, {
        ...{ min, max, limitMs, gapRatio: tellingRatio },
        above: (best) => Math.ceil((best + max) / 2),
      });
      return next === current
        ? hold(`no other batch is known to give more ${this.#valuation.aim}`)
        : moveTo(next, `${why}, looking for the most ${this.#valuation.aim}`);
    }

    const best = this.#memory.best(limitMs);
    if (best !== undefined && best < current && this.#memory.fallsShortOf(best, current)) {
      const next = Math.max(best, Math.floor((best + current) / 2));
      return moveTo(next, `throughput is lower than at batch ${best}`);
    }
    const { maxBatchSize } = this.#limits;
    if (current >= maxBatchSize) return hold('already at the largest batch');
    const isInBand = controlledLatencyMs(observation) >= bandShare * limitMs;
    if (isInBand && !this.#memory.isPromising(current, maxBatchSize, limitMs)) {
      return hold('in the band, hold');
    }
    const larger = this.#larger(current, limitMs);
    if (larger !== undefined && !this.#memory.gainedNothingAt(current, limitMs)) {
      return moveTo(larger, isInBand ? `${why}, with room for more throughput` : why);
    }
    this.#memory.tire(current, limitMs, !isInBand);
    return hold(
      larger === undefined
        ? 'larger batches are known to break the SLO or to bring nothing'
        : 'larger batches no longer raise throughput',
    );
  }

  /** Halfway from `from` to the smallest batch known to be too large, or to the largest allowed. */
  #larger(from: number, limitMs: number): number | undefined {
    const tooLarge = this.#memory.smallestUselessAbove(from, limitMs);
    if (tooLarge === undefined) {
      const middle = Math.ceil((from + this.#limits.maxBatchSize) / 2);
      return middle > from ? middle : undefined;
    }
    const middle = Math.floor((from + tooLarge) / 2);
    return middle > from ? middle : undefined;
  }

  /** Halfway from `from` down to the largest batch known to be within the SLO, or to the smallest. */
  #smaller(from: number, limitMs: number): number | undefined {
    const { minBatchSize } = this.#limits;
    if (from <= minBatchSize) return undefined;
    const fits = this.#memory.largestWithinBelow(from, limitMs) ?? minBatchSize;
    return Math.max(minBatchSize, Math.floor((from + fits) / 2));
  }
}
