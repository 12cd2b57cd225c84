import type { OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';
import type { Observation } from '../scaler.ts';
import { arrivingPerMs } from './load.ts';

/** Weight of what is seen now against what was seen at the point before. */
const weightOfNow = 0.5;
/** Requests elsewhere have to be answered in this share of the time, at most, to go there. */
const clearlySooner = 0.9;
/** Points at rates that are remembered: a quiet hour does not make a busy one forgotten. */
const mostSeen = 40;
/** Arrival rates up to this many times as high as another are alike. */
const alikeRates = 1.2;

/** How soon requests were answered at a point. */
export interface Seen {
  readonly point: OperatingPoint;
  readonly requestMs: number;
  /** Rows that arrived per ms. */
  readonly arrivingPerMs: number;
}

/**
 * How soon requests were answered at the points visited. How long requests wait depends
 * on how they arrive and how batches fill, of which the model of call latencies knows nothing: a
 * point of short calls that is nearly busy keeps them waiting longer than one of longer calls with
 * room in its batches. So among points known, what was measured decides, at about the arrival rate of
 * now: at a lower one any point answers sooner.
 */
export class Timeliness {
  #seen: readonly Seen[] = [];
  /** Of the last record. */
  #arrivingPerMs = 0;

  record(observation: Observation): void {
    const { point, requestLatency } = observation;
    this.#arrivingPerMs = arrivingPerMs(observation);
    const nowMs = requestLatency.atPercentileMs;
    const before = this.at(point) ?? nowMs;
    const requestMs = before + weightOfNow * (nowMs - before);
    const others = this.#seen.filter((other) => {
      return !sameKnobs(other.point, point) || !this.#isAlike(other);
    });
    this.#seen = [
      { point, requestMs, arrivingPerMs: this.#arrivingPerMs },
      ...others.slice(0, mostSeen - 1),
    ];
  }

  /**
   * Request latency at the SLO's percentile, in ms; undefined where there never was an arrival rate
   * like that of now.
   */
  at(point: OperatingPoint): number | undefined {
    return this.#seen.find((seen) => sameKnobs(seen.point, point) && this.#isAlike(seen))
      ?.requestMs;
  }

  /** Where requests were answered clearly sooner than here, the soonest of all; or undefined. */
  soonerThan(here: OperatingPoint, isOpen: (point: OperatingPoint) => boolean): Seen | undefined {
    const hereMs = this.at(here);
    if (hereMs === undefined) return undefined;
    let soonest: Seen | undefined;
    for (const seen of this.#seen) {
      if (!this.#isAlike(seen) || !isOpen(seen.point)) continue;
      if (seen.requestMs >= clearlySooner * hereMs) continue;
      if (soonest === undefined || seen.requestMs < soonest.requestMs) soonest = seen;
    }
    return soonest;
  }

  /** The machine or the SLO has changed. */
  forget(): void {
    this.#seen = [];
  }

  #isAlike(seen: Seen): boolean {
    const ratio = seen.arrivingPerMs / this.#arrivingPerMs;
    return ratio <= alikeRates && ratio >= 1 / alikeRates;
  }
}
