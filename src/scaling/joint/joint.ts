import type { KnobLimits, OperatingPoint } from '../../operating-point.ts';
import { formatPoint, sameKnobs } from '../../operating-point.ts';
import type { Slo } from '../../slo.ts';
import { formatMs } from '../../units.ts';
import { describeStanding, standingOf } from '../assessment.ts';
import type { Objective } from '../objective.ts';
import type { Decision, Observation, Scaler } from '../scaler.ts';
import { Valuation } from '../valuation.ts';
import { meanLogMs } from './model/belief.ts';
import { hold, isDecision, outOfReach } from './decisions.ts';
import { bestKnown } from './incumbent.ts';
import type { Incumbent } from './incumbent.ts';
import { Knowledge } from './knowledge/knowledge.ts';
import type { LatencyModel } from './model/latency-model.ts';
import { LatencyTarget } from './latency-target.ts';
import type { LoadKind } from './load.ts';
import { arrivingPerMs, loadOf, neededPerMs } from './load.ts';
import { Patience } from './patience.ts';
import { Reachability } from './reachability.ts';
import type { Reading, Readings } from './knowledge/readings.ts';
import { readingOf } from './knowledge/readings.ts';
import type { Candidate, SearchLimits } from './search.ts';
import { describeCandidate, search } from './search.ts';
import { SideLooks } from './side-looks.ts';
import { Timeliness } from './timeliness.ts';
import type { Seen } from './timeliness.ts';
import { nearFuture } from './model/wander.ts';

/** What a probe may risk: the expected excess over the limit, as a share of it; less comes first. */
const maxExcess = 0.3;
const cautiousExcess = 0.12;
/** Chance that a probe holds the SLO, at least; and while no point is known that does. */
const minChance = 0.06;
const minChanceInNeed = 0.02;
/** In need, a probe may risk this many times the excess that is there already. */
const riskInNeed = 1.2;
/** Gain that a probe has to promise: resizing instances costs more than changing the batch. */
const gainForBatch = 0.002;
const gainForInstances = 0.004;
/** Another known point has to be this much safer than the one in use (logarithm). */
const clearlySafer = 0.004;
/** Where requests are late, calls have to be this much shorter (logarithm) elsewhere. */
const clearlyQuicker = 0.05;
/** Requests this many times as late as the SLO queue for want of throughput, whatever it should be. */
const farLate = 3;
/** For calls up to so many times as long no other point is gone to. */
const hardlyLonger = 1.01;
/** From this share of a point's throughput on requests queue for want of it. */
const busyShare = 0.85;

/** Where a decision starts from. */
interface Standing {
  readonly here: Reading;
  /** Rows per ms that the point in use is believed to answer. */
  readonly herePerMs: number;
  readonly load: LoadKind;
  /** Whether it breaks the SLO; and how it stands against it, in words. */
  readonly isOver: boolean;
  readonly why: string;
}

/**
 * Both knobs at once. A model of the latencies (`latency-model.ts`) turns every observation into
 * beliefs about all points; a search (`search.ts`) picks the point with the largest expected gain in
 * throughput, or in rows per joule, among those likely to hold the SLO; this class goes there, and stays
 * at the best point seen when no other promises enough. The calls' own latency has to hold the SLO: a
 * queue in front of a point says that throughput is short, not that the point is too slow.
 */
export class JointScaler implements Scaler {
  readonly name = 'joint';
  readonly approach = 'joint';
  readonly profile = null;
  readonly wants = 'percentile';
  readonly #limits: KnobLimits;
  readonly #valuation: Valuation;
  readonly #knowledge = new Knowledge();
  readonly #reachability = new Reachability();
  readonly #patience = new Patience();
  readonly #timeliness = new Timeliness();
  readonly #looks: SideLooks;
  #asked: OperatingPoint;
  #slo: Slo | null = null;

  constructor(limits: KnobLimits, objective: Objective = 'throughput') {
    this.#limits = limits;
    this.#valuation = new Valuation(objective);
    this.#looks = new SideLooks(limits);
    this.#asked = this.first();
  }

  get #readings(): Readings {
    return this.#knowledge.readings;
  }

  first(): OperatingPoint {
    return { batchSize: this.#limits.minBatchSize, instances: 1 };
  }

  decide(observation: Observation): Decision {
    const { point, slo } = observation;
    this.#reachability.recordReached(this.#asked, point);
    this.#asked = point;
    if (slo.limitMs !== this.#slo?.limitMs || slo.percentile !== this.#slo.percentile) {
      if (slo.percentile !== this.#slo?.percentile) this.#knowledge.forgetPast();
      this.#slo = slo;
      this.#renew();
    }
    const why = describeStanding(observation);
    const isOver = standingOf(observation) === 'over';
    if (observation.rows === 0) {
      this.#reachability.recordFailed(point);
      return this.#retreat(point, why, null);
    }
    this.#reachability.recordAnswered(point);
    const { here, hasChanged } = this.#knowledge.learn(readingOf(observation));
    if (hasChanged) this.#renew();
    if (here === null) return hold(point, `${why}: not as before, measure again`);
    const load = loadOf(observation);
    if (load !== 'overloaded') this.#timeliness.record(observation);
    if (load === 'light') return hold(point, `${why}: room to spare, hold`);
    this.#valuation.learn(observation);
    if (this.#patience.isSettledAt(here, load)) {
      if (!this.#patience.isHopeless) return hold(point, `${why}: as expected, hold`);
      // Not over it any more: what holds may have come into reach.
      if (isOver) return outOfReach(point, why, true);
    }

    const model = this.#readings.model(nearFuture(observation.endMs));
    const tail = this.#readings.tail(model.wander, slo.percentile);
    const callMs = Math.exp(meanLogMs(model.predict(point.batchSize, point.instances)));
    const herePerMs = (point.batchSize * point.instances) / callMs;
    const target = new LatencyTarget(slo, tail, {
      isOpen: load !== 'closed',
      ...(load === 'late' && { mostLogMs: Math.log(callMs) - clearlyQuicker }),
    });
    const needed = neededPerMs(observation, load);
    const standing = { here, herePerMs, load, isOver, why };
    const best = this.#improve(target, model, standing, needed);
    if (isDecision(best)) return best;
    const arriving = arrivingPerMs(observation);
    const isShort = load === 'overloaded' || (load === 'late' && arriving > busyShare * herePerMs);
    const isFarLate = observation.requestLatency.atPercentileMs > farLate * slo.limitMs;
    const isStuck = isFarLate && best !== undefined && sameKnobs(best.reading.point, point);
    if (isShort && (isStuck || (best?.rowsPerMs ?? 0) < arriving)) {
      const timely = load === 'late' ? this.#timelyElsewhere(here) : undefined;
      if (timely !== undefined) return this.#goBack(timely, why);
      // No point answers all of it in time: then as many as can be, with no time left for waiting.
      const anyway = new LatencyTarget(slo, tail);
      const more = this.#improve(anyway, model, standing, 0);
      return isDecision(more) ? more : this.#settle(more, standing, 0);
    }
    return (
      (load === 'late' ? this.#seekSooner(best, standing) : undefined) ??
      this.#settle(best, standing, needed)
    );
  }

  /** Goes where more throughput is likely within the target; or else says what is best so far. */
  #improve(
    target: LatencyTarget,
    model: LatencyModel,
    { here, why }: Standing,
    needed: number,
  ): Decision | Incumbent | undefined {
    const known = {
      ...{ readings: this.#readings, reachability: this.#reachability, valuation: this.#valuation },
      ...{ target, model, here: here.point, needed, percentile: (this.#slo as Slo).percentile },
      hasSettled: this.#patience.hasSettled,
    };
    const incumbent = bestKnown(known, clearlySafer) ?? bestKnown(known, 0);
    const found =
      this.#search(target, model, here, incumbent, { needed }) ??
      this.#lookAside(target, model, here, incumbent);
    return found === undefined ? incumbent : this.#go(found, model, why);
  }

  /**
   * Requests come late, and no search promises better: to where they were answered soonest. Undefined
   * where the best point known is yet to show how late they come there.
   */
  #seekSooner(best: Incumbent | undefined, standing: Standing): Decision | undefined {
    const { here, load, why } = standing;
    if (best !== undefined && this.#timeliness.at(best.reading.point) === undefined)
      return undefined;
    const sooner = this.#patience.isSpent ? this.#timelyElsewhere(here) : this.#soonerThan(here);
    if (sooner === undefined) {
      this.#patience.settleAt(here, load, { wanders: this.#wanders });
      return hold(here.point, `${why}: requests were answered no sooner elsewhere, hold`);
    }
    return this.#goBack(sooner, why);
  }

  get #wanders(): boolean {
    return this.#readings.wanderSd > 0;
  }

  #soonerThan({ point }: Reading): Seen | undefined {
    return this.#timeliness.soonerThan(point, ({ batchSize, instances }) =>
      this.#reachability.isReachable(batchSize, instances),
    );
  }

  /** A point known to have held the SLO at about this rate, where this one does not: ends no search. */
  #timelyElsewhere(here: Reading): Seen | undefined {
    const { limitMs } = this.#slo as Slo;
    if (!((this.#timeliness.at(here.point) ?? 0) > limitMs)) return undefined;
    const sooner = this.#soonerThan(here);
    return sooner !== undefined && sooner.requestMs <= limitMs ? sooner : undefined;
  }

  #goBack({ point, requestMs }: Seen, why: string): Decision {
    const where = `${formatPoint(point)}, where it was ${formatMs(requestMs)}`;
    return this.#moveTo(point, `${why}: back to ${where}`);
  }

  /** Nothing better is in sight: to the best point known. */
  #settle(incumbent: Incumbent | undefined, standing: Standing, needed: number): Decision {
    const { here, herePerMs, load, why } = standing;
    const { point } = here;
    if (incumbent === undefined) {
      return needed === 0
        ? this.#retreat(point, why, standing)
        : hold(point, `${why}: no other point is likely to answer as much any sooner, hold`);
    }
    const mayGo = this.#patience.allowsReturn(load, incumbent.rowsPerMs / herePerMs);
    if (sameKnobs(incumbent.reading.point, point) || !mayGo) {
      this.#patience.settleAt(here, load, { wanders: this.#wanders });
      return hold(point, `${why}: nothing better in sight, hold`);
    }
    const where = formatPoint(incumbent.reading.point);
    return this.#moveTo(incumbent.reading.point, `${why}: back to the best known, ${where}`);
  }

  #search(
    target: LatencyTarget,
    model: LatencyModel,
    here: Reading,
    incumbent: Incumbent | undefined,
    overrides: {
      readonly limits?: SearchLimits;
      readonly requiredGain?: number;
      readonly minChance?: number;
      readonly needed?: number;
    } = {},
  ): Candidate | undefined {
    const { point } = here;
    const isKnown = (batchSize: number, instances: number): boolean =>
      [point, incumbent?.reading.point].some(
        (known) => known?.batchSize === batchSize && known.instances === instances,
      );
    const { needed = 0 } = overrides;
    const isInNeed = incumbent === undefined && needed === 0;
    if (isInNeed && this.#patience.isExhausted) return undefined;
    const excessHere = Math.exp(Math.log(here.latencyMs) - target.logAimMs(point.instances)) - 1;
    const demand = this.#patience.demand;
    const divisorHere = this.#valuation.divisorAt(point.batchSize, point.instances);
    return search({
      limits: overrides.limits ?? this.#limits,
      model,
      isOpen: (b, k) => !isKnown(b, k) && this.#reachability.isReachable(b, k),
      logLimitMs: (instances) => target.logAimMs(instances),
      divisorAt: (b, k) => this.#valuation.divisorAt(b, k),
      incumbentPerMs: incumbent?.mostPerMs ?? needed / divisorHere,
      minChance: overrides.minChance ?? (isInNeed ? minChanceInNeed : minChance),
      maxExcess: isInNeed ? Math.max(maxExcess, riskInNeed * excessHere) : maxExcess,
      cautiousExcess,
      requiredGain: (instances) =>
        overrides.requiredGain ??
        (isInNeed ? 0 : demand * (instances === point.instances ? gainForBatch : gainForInstances)),
    });
  }

  /** Before settling: what the laws may be wrong about. */
  #lookAside(
    target: LatencyTarget,
    model: LatencyModel,
    here: Reading,
    incumbent: Incumbent | undefined,
  ): Candidate | undefined {
    if (incumbent === undefined || this.#patience.isExhausted) return undefined;
    for (const limits of this.#looks.around(incumbent.reading, target, this.#readings)) {
      const look = { limits, requiredGain: -1, minChance: minChanceInNeed };
      const found = this.#search(target, model, here, incumbent, look);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #go(found: Candidate, model: LatencyModel, why: string): Decision {
    const kind = this.#readings.at(found.point) === undefined ? 'probe' : 'move';
    return this.#moveTo(found.point, `${why}: ${describeCandidate(found, model)}`, kind);
  }

  #moveTo(point: OperatingPoint, reason: string, kind: Decision['kind'] = 'move'): Decision {
    this.#patience.spend();
    this.#asked = point;
    return { point, kind, reason };
  }

  /**
   * Nothing is likely to hold the SLO: stays where calls are fastest.
   *
   * @param standing null where every call fails
   */
  #retreat(point: OperatingPoint, why: string, standing: Standing | null): Decision {
    const fastest = this.#readings.fastestOf(({ batchSize, instances }) =>
      this.#reachability.isReachable(batchSize, instances),
    );
    const target = fastest?.point ?? this.first();
    if (!sameKnobs(target, point) && this.#mayRetreat(standing, fastest)) {
      return this.#moveTo(target, `${why}: back to the fastest calls, ${formatPoint(target)}`);
    }
    if (standing !== null) {
      const { here, load } = standing;
      this.#patience.settleAt(here, load, { wanders: this.#wanders, isHopeless: true });
    }
    return outOfReach(point, why, standing?.isOver ?? true);
  }

  #mayRetreat(standing: Standing | null, fastest: Reading | undefined): boolean {
    if (standing === null || fastest === undefined) return true;
    const timesAsLong = standing.here.latencyMs / fastest.latencyMs;
    return timesAsLong > hardlyLonger && this.#patience.allowsRetreat(timesAsLong);
  }

  #renew(): void {
    this.#patience.renew();
    this.#timeliness.forget();
    this.#reachability.forgetFailures();
    this.#looks.renew();
  }
}
