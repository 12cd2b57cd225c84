import type { OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';
import { isFull } from './is-full.ts';
import type { LatencyModel } from './latency-model.ts';
import { likeliestModel } from './likeliest-wander.ts';
import type { TimedReading } from './point-reading.ts';
import type { Wander } from './wander.ts';

/** What was seen at an operating point in one window. */
export interface WindowReading extends TimedReading {
  readonly point: OperatingPoint;
  /** Read before the machine's speed last changed, and rescaled since; default false. */
  readonly isStale?: boolean;
}

const mostWindows = 28;
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

  /** All calls so far take e^logShift times as long now, give or take so much (logarithm). */
  shift(logShift: number, doubt: number): void {
    this.#all = this.#all.map((window) => ({
      ...window,
      latencyMs: window.latencyMs * Math.exp(logShift),
      relativeSd: Math.hypot(window.relativeSd, doubt),
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

  /** What they say of the latencies from then on. */
  model(nowMs: number): LatencyModel {
    const telling = this.#all.filter(isFull);
    const model = likeliestModel(this.#all, { telling, nowMs, before: this.#wander });
    this.#wander = model.wander;
    return model;
  }
}

/**
 * Where there are too many, the two oldest that follow each other at the point that has most of them
 * become one: it tells as much of the long run, and less of its parts.
 */
function condensed(windows: readonly WindowReading[]): readonly WindowReading[] {
  if (windows.length <= mostWindows) return windows;
  const crowd = crowdOf(windows);
  for (let i = 1; i < crowd.length; i += 1) {
    const [a, b] = [crowd[i - 1] as WindowReading, crowd[i] as WindowReading];
    if (!followEachOther(a, b)) continue;
    const joined = joinWindows(a, b);
    return windows
      .filter((window) => window !== a)
      .map((window) => (window === b ? joined : window));
  }
  return windows.filter((window) => window !== crowd[0]);
}

/** All at the point that has most of them, the oldest first. */
function crowdOf(windows: readonly WindowReading[]): readonly WindowReading[] {
  let most: readonly WindowReading[] = [];
  for (const { point } of windows) {
    const own = windows.filter((other) => sameKnobs(other.point, point));
    if (own.length > most.length) most = own;
  }
  return most;
}

function followEachOther(a: WindowReading, b: WindowReading): boolean {
  const isAsFull = isFull(a) === isFull(b) && a.isStale === b.isStale;
  return isAsFull && Math.abs(b.startMs - a.endMs) < roundingMs;
}

/** Weighted by how sure each is, which is by its calls. */
function joinWindows(a: WindowReading, b: WindowReading): WindowReading {
  const share = a.relativeSd ** -2 / (a.relativeSd ** -2 + b.relativeSd ** -2);
  const mix = (of: (window: WindowReading) => number): number =>
    share * of(a) + (1 - share) * of(b);
  return {
    ...b,
    batchSize: mix(({ batchSize }) => batchSize),
    instances: mix(({ instances }) => instances),
    latencyMs: mix(({ latencyMs }) => latencyMs),
    relativeSd: (a.relativeSd ** -2 + b.relativeSd ** -2) ** -0.5,
    startMs: a.startMs,
  };
}
