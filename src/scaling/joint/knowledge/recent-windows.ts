import type { OperatingPoint } from '../../../operating-point.ts';
import { sameKnobs } from '../../../operating-point.ts';
import { isFull } from './is-full.ts';
import type { LatencyModel } from '../model/latency-model.ts';
import { likeliestModel } from '../model/likeliest-wander.ts';
import type { TimedReading } from '../model/point-reading.ts';
import type { Stretch, Wander } from '../model/wander.ts';

/** What was seen at an operating point in one window. */
export interface WindowReading extends TimedReading {
  readonly point: OperatingPoint;
  /** Read before the machine's speed last changed, and rescaled since; default false. */
  readonly isStale?: boolean;
}

const mostWindows = 28;
/** So many are never joined with others. */
const newestKept = 8;
/** However long a point is looked at, its mean is not known better than this, relatively. */
const leastSd = 0.002;
/** Two windows that overlap by less than this follow each other. */
const roundingMs = 1e-3;

/** Single windows and when they were: what the model of the latencies is built on. */
export class RecentWindows {
  #all: readonly WindowReading[];
  #wander: Wander | undefined;

  constructor(all: readonly WindowReading[] = [], wander?: Wander) {
    this.#all = all;
    this.#wander = wander;
  }

  copy(): RecentWindows {
    return new RecentWindows(this.#all, this.#wander);
  }

  /** As the last model had it. */
  get wanderSd(): number {
    return this.#wander?.sd ?? 0;
  }

  /**
   * Takes one in, in place of those at its point that it overlaps. Full batches on all instances tell
   * more of a point than others, which leave no trace beside them.
   *
   * @param replaces also those that are stale
   */
  record(window: WindowReading, replaces: boolean): void {
    const own = this.#all.filter(({ point }) => sameKnobs(point, window.point));
    if (!isFull(window) && own.some(isFull)) return;
    const isReplaced = (other: WindowReading): boolean =>
      own.includes(other) &&
      ((replaces && other.isStale === true) ||
        other.endMs > window.startMs + roundingMs ||
        !isFull(other));
    this.#all = condensed([...this.#all.filter((other) => !isReplaced(other)), window]);
  }

  /**
   * All calls so far take e^logShift times as long now, give or take so much (logarithm): by how much that
   * is off, it is for all of them.
   */
  shift(logShift: number, doubt: number): void {
    this.#all = this.#all.map((window) => ({
      ...window,
      latencyMs: window.latencyMs * Math.exp(logShift),
      sharedSd: Math.hypot(window.sharedSd ?? 0, doubt),
      isStale: true,
    }));
  }

  /** So do those that are still stale. */
  correct(logShift: number): void {
    this.#all = this.#all.map((window) =>
      window.isStale === true
        ? { ...window, latencyMs: window.latencyMs * Math.exp(logShift) }
        : window,
    );
  }

  /** What they say of the latencies in that stretch of time. */
  model(ahead: Stretch): LatencyModel {
    const telling = this.#all.filter(isFull);
    const model = likeliestModel(this.#all, { telling, ahead, before: this.#wander });
    this.#wander = model.wander;
    return model;
  }
}

/**
 * Where there are too many, two old ones that follow each other at a point become one, which tells as
 * much of the long run and less of its parts. The newest stay as they are: they tell how fast the machine
 * is now.
 */
function condensed(windows: readonly WindowReading[]): readonly WindowReading[] {
  if (windows.length <= mostWindows) return windows;
  const old = windows.slice(0, -newestKept);
  for (const [at, later] of old.entries()) {
    const earlier = old.slice(0, at).findLast(({ point }) => sameKnobs(point, later.point));
    if (earlier === undefined || !followsOn(earlier, later)) continue;
    const joined = joinWindows(earlier, later);
    return windows
      .filter((window) => window !== earlier)
      .map((window) => (window === later ? joined : window));
  }
  const leastTelling = leastTellingOf(old);
  return windows.filter((window) => window !== leastTelling);
}

/** Of those at the point that has most, the shortest, and of these the oldest. */
function leastTellingOf(windows: readonly WindowReading[]): WindowReading | undefined {
  let crowd: readonly WindowReading[] = [];
  for (const { point } of windows) {
    const own = windows.filter((other) => sameKnobs(other.point, point));
    if (own.length > crowd.length) crowd = own;
  }
  const lengthMs = ({ startMs, endMs }: WindowReading): number => endMs - startMs;
  return crowd.toSorted((a, b) => lengthMs(a) - lengthMs(b))[0];
}

function followsOn(earlier: WindowReading, later: WindowReading): boolean {
  const isAlike = (earlier.isStale ?? false) === (later.isStale ?? false);
  return isAlike && Math.abs(later.startMs - earlier.endMs) < roundingMs;
}

/** Weighted by how sure each is. */
function joinWindows(earlier: WindowReading, later: WindowReading): WindowReading {
  const [a, b] = [earlier.relativeSd ** -2, later.relativeSd ** -2];
  const mix = (of: (window: WindowReading) => number): number =>
    (a * of(earlier) + b * of(later)) / (a + b);
  return {
    ...later,
    batchSize: mix(({ batchSize }) => batchSize),
    instances: mix(({ instances }) => instances),
    latencyMs: mix(({ latencyMs }) => latencyMs),
    relativeSd: Math.max(leastSd, (a + b) ** -0.5),
    startMs: earlier.startMs,
  };
}
