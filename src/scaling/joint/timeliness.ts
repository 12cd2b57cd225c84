import type { OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';
import type { Observation } from '../scaler.ts';

/** Weight of what is seen now against what was seen at the point before. */
const weightOfNow = 0.5;
/** Requests elsewhere have to be answered in this share of the time, at most, to go there. */
const clearlySooner = 0.9;

interface Seen {
  readonly point: OperatingPoint;
  readonly requestMs: number;
}

/**
 * How late requests were at the points visited while they came late. How long requests wait depends
 * on how they arrive and how batches fill, of which the model of call latencies knows nothing: a
 * point of short calls that is nearly busy keeps them waiting longer than one of longer calls with
 * room in its batches. So among points known, what was measured decides.
 */
export class Timeliness {
  #seen: readonly Seen[] = [];

  record({ point, requestLatency: { atPercentileMs } }: Observation): void {
    const before = this.at(point) ?? atPercentileMs;
    const requestMs = before + weightOfNow * (atPercentileMs - before);
    this.#seen = [
      { point, requestMs },
      ...this.#seen.filter((other) => !sameKnobs(other.point, point)),
    ];
  }

  /** Request latency at the SLO's percentile, in ms; undefined where requests never came late. */
  at(point: OperatingPoint): number | undefined {
    return this.#seen.find((other) => sameKnobs(other.point, point))?.requestMs;
  }

  /** Where requests were answered clearly sooner than here, the soonest of all; or undefined. */
  soonerThan(here: OperatingPoint, isOpen: (point: OperatingPoint) => boolean): Seen | undefined {
    const hereMs = this.at(here);
    if (hereMs === undefined) return undefined;
    let soonest: Seen | undefined;
    for (const seen of this.#seen) {
      if (seen.requestMs >= clearlySooner * hereMs || !isOpen(seen.point)) continue;
      if (soonest === undefined || seen.requestMs < soonest.requestMs) soonest = seen;
    }
    return soonest;
  }

  /** The machine or the SLO has changed. */
  forget(): void {
    this.#seen = [];
  }
}
