import type { OperatingPoint } from '../../../operating-point.ts';
import { sameKnobs } from '../../../operating-point.ts';
import type { Observation } from '../../scaler.ts';
import { spreadOf } from '../../volatility.ts';
import { fullShare, isFull } from './is-full.ts';
import type { LatencyModel } from '../model/latency-model.ts';
import type { PointReading, TimedReading } from '../model/point-reading.ts';
import { RecentWindows } from './recent-windows.ts';
import type { Tail } from '../model/tail.ts';
import { tailOf } from '../model/tail.ts';
import type { Stretch, Wander } from '../model/wander.ts';

/** What was seen at one operating point, at the load that it had then. */
export interface Reading extends PointReading {
  /** The point in effect; batches may have been smaller and instances idle. */
  readonly point: OperatingPoint;
  /** Engine calls behind it. */
  readonly calls: number;
  /** Logarithm of the call latency at the SLO's percentile over the mean, 0 or more. */
  readonly logTail: number;
  /** For how long the calls were seen that show the tail, in ms. */
  readonly tailMs: number;
  /** Calls behind the tail: none while batches go out unfilled, of which one takes longer than another. */
  readonly tailCalls: number;
  /** Read before the machine's speed last changed, and rescaled since. */
  readonly isStale: boolean;
  /** What is new in it: the newest window of full batches on all instances, else all of it. */
  readonly newest: TimedReading;
}

/** No mean is trusted further than this, relatively. */
const leastSd = 0.004;
/** Spread of calls that is taken for granted when few show less. */
const leastSigma = 0.02;
/** This share of a drift of the speed is doubt: a first reading that was off drifts, too. */
const driftDoubt = 0.5;
/** With each further reading of a tail elsewhere one counts for this much less: tails change. */
const tailMemory = 0.95;
/** With each further reading elsewhere a reading grows this much less certain. */
const agingSd = 0.0005;
/** Calls for which the tail seen everywhere counts when the tail at one point is estimated. */
const commonTailCalls = 100;
/** Older readings are forgotten: what they told is in the neighbourhood of newer ones. */
const mostReadings = 20;
/** Busy shares from here on count as all instances busy: calls cut by a window's ends are missing. */
const allBusyShare = 0.95;
/** What was seen before at a point weighs at most this many times what is seen there now. */
const mostWeightOfBefore = 4;
/** A jump in speed leaves this share of itself as doubt about what was read at a point before, */
const doubtAfterShift = 0.12;
/** and this one, that all of it is off alike. */
const sharedDoubtAfterShift = 0.3;

/** What an observation with at least one answered row says. */
export function readingOf(observation: Observation): Reading {
  const { point, calls, rows, busyShare, batchFill, executionLatency } = observation;
  const { meanMs, atPercentileMs } = executionLatency;
  const sigma = spreadOf(executionLatency);
  // Calls cut by the ends of the observation count half: without them busy instances look idle.
  const busy = busyShare + point.instances / (2 * calls);
  const spread = Math.max(sigma, leastSigma);
  const relativeSdOf = (count: number): number => Math.max(leastSd, spread / Math.sqrt(count));
  const reading = {
    point,
    batchSize: Math.max(1, rows / calls),
    instances: busy > allBusyShare ? point.instances : Math.max(1, busy * point.instances),
    latencyMs: meanMs,
    relativeSd: relativeSdOf(calls),
  };
  // Where batches are not full calls differ more from each other than from window to window.
  const newest = isFull(reading) ? observation.newestWindow : undefined;
  return {
    ...reading,
    calls,
    logTail: Math.max(0, Math.log(atPercentileMs / meanMs)),
    tailMs: observation.durationMs,
    tailCalls: batchFill >= fullShare ? calls : 0,
    isStale: false,
    newest: {
      batchSize: newest === undefined ? reading.batchSize : newest.rows / newest.calls,
      instances: reading.instances,
      latencyMs: newest?.meanMs ?? meanMs,
      relativeSd: relativeSdOf(newest?.calls ?? calls),
      startMs: observation.endMs - (newest ?? observation).durationMs,
      endMs: observation.endMs,
    },
  };
}

/**
 * What was seen where, newest first. A reading at a point seen before is joined with what was seen
 * there, unless the world has changed.
 */
export class Readings {
  #all: readonly Reading[];
  readonly #windows: RecentWindows;

  constructor(all: readonly Reading[] = [], windows = new RecentWindows()) {
    this.#all = all;
    this.#windows = windows;
  }

  copy(): Readings {
    return new Readings(this.#all, this.#windows.copy());
  }

  get all(): readonly Reading[] {
    return this.#all;
  }

  /** What they say of the latencies in that stretch of time. */
  model(ahead: Stretch): LatencyModel {
    return this.#windows.model(ahead);
  }

  /** How much the machine's speed wanders by itself (standard deviation of the logarithm). */
  get wanderSd(): number {
    return this.#windows.wanderSd;
  }

  at(point: OperatingPoint): Reading | undefined {
    return this.#all.find((reading) => sameKnobs(reading.point, point));
  }

  /** Returns what is now known at the reading's point; `replaces` what was, if told to. */
  record(reading: Reading, replaces = false): Reading {
    const before = replaces ? undefined : this.at(reading.point);
    this.recordWindow(reading, replaces);
    const known = before === undefined ? reading : join(before, reading);
    const drift = before === undefined ? 0 : driftBetween(before, known);
    const tailShare = reading.tailCalls > 0 ? tailMemory : 1;
    const others = this.#all
      .filter((other) => !sameKnobs(other.point, reading.point))
      .map((other) => grownOlder(other, drift, tailShare));
    this.#all = [known, ...others].slice(0, mostReadings);
    return known;
  }

  /** Takes in nothing but when the newest window was, and how fast the machine. */
  recordWindow({ newest, point }: Reading, replaces = false): void {
    this.#windows.record({ ...newest, point }, replaces);
  }

  /** The machine's speed has changed: all that was read before now takes e^logShift times as long. */
  shift(logShift: number): void {
    this.#all = this.#all.map((reading) => ({
      ...reading,
      latencyMs: reading.latencyMs * Math.exp(logShift),
      relativeSd: Math.hypot(reading.relativeSd, doubtAfterShift * logShift),
      isStale: true,
    }));
    this.#windows.shift(logShift, sharedDoubtAfterShift * logShift);
  }

  /** Tails have changed: those seen so far hardly count. */
  doubtTails(): void {
    this.#all = this.#all.map((reading) => ({ ...reading, tailCalls: 0.1 * reading.tailCalls }));
  }

  /** The change of speed was judged wrongly: what is still stale takes e^logShift times as long. */
  correct(logShift: number): void {
    this.#all = this.#all.map((reading) =>
      reading.isStale ? { ...reading, latencyMs: reading.latencyMs * Math.exp(logShift) } : reading,
    );
    this.#windows.correct(logShift);
  }

  /** The one with the shortest calls among the points that `isOpen` accepts. */
  fastestOf(isOpen: (point: OperatingPoint) => boolean): Reading | undefined {
    return this.#all
      .filter(({ point }) => isOpen(point))
      .sort((a, b) => a.latencyMs - b.latencyMs)[0];
  }

  /**
   * By which power of the batch size throughput rose up to a reading from the next smaller batch
   * with as many instances: 1 where latency did not grow, 0 where it grew in proportion or nothing
   * smaller was read.
   */
  elasticityBelow({ point, latencyMs }: Reading): number {
    let below: Reading | undefined;
    for (const other of this.#all) {
      if (other.point.instances !== point.instances) continue;
      const { batchSize } = other.point;
      if (batchSize < point.batchSize && batchSize > (below?.point.batchSize ?? 0)) below = other;
    }
    if (below === undefined) return 0;
    const growth = Math.log(latencyMs / below.latencyMs);
    return 1 - growth / Math.log(point.batchSize / below.point.batchSize);
  }

  /** The tail common to all readings, weighted by calls; 0 without any. */
  get logTail(): number {
    return this.#common(({ logTail }) => logTail);
  }

  /** The tail at one point: its own as far as it has calls, else the common one. */
  logTailAt(reading: Reading): number {
    return this.#at(reading, ({ logTail }) => logTail);
  }

  /** The common tail of a machine that wanders so. */
  tail(wander: Wander, percentile: number): Tail {
    return tailOf(this.logTail, this.#common(seenForMs), wander, percentile);
  }

  /** The one at a point of a machine that wanders so. */
  tailAt(reading: Reading, wander: Wander, percentile: number): Tail {
    return tailOf(this.logTailAt(reading), this.#at(reading, seenForMs), wander, percentile);
  }

  #at(reading: Reading, of: (reading: Reading) => number): number {
    const { tailCalls } = reading;
    return (
      (tailCalls * of(reading) + commonTailCalls * this.#common(of)) / (tailCalls + commonTailCalls)
    );
  }

  #common(of: (reading: Reading) => number): number {
    let calls = 0;
    let sum = 0;
    for (const reading of this.#all) {
      calls += reading.tailCalls;
      sum += reading.tailCalls * of(reading);
    }
    return calls === 0 ? 0 : sum / calls;
  }
}

const seenForMs = ({ tailMs }: Reading): number => tailMs;

function grownOlder(reading: Reading, drift: number, tailShare: number): Reading {
  return {
    ...reading,
    latencyMs: reading.latencyMs * Math.exp(drift),
    relativeSd: Math.hypot(reading.relativeSd, agingSd, driftDoubt * drift),
    tailCalls: tailShare * reading.tailCalls,
  };
}

/** What the machine's speed did at a point in full use (logarithm) it did everywhere. */
function driftBetween(before: Reading, known: Reading): number {
  return isFull(before) && isFull(known) ? Math.log(known.latencyMs / before.latencyMs) : 0;
}

/** Weighted by calls; what was seen before weighs at most four times what is seen now. */
function join(before: Reading, now: Reading): Reading {
  const calls = Math.min(before.calls, mostWeightOfBefore * now.calls);
  const share = calls / (calls + now.calls);
  const mix = (a: number, b: number): number => share * a + (1 - share) * b;
  return {
    ...now,
    batchSize: mix(before.batchSize, now.batchSize),
    instances: mix(before.instances, now.instances),
    latencyMs: mix(before.latencyMs, now.latencyMs),
    relativeSd: Math.max(leastSd, now.relativeSd * Math.sqrt(1 - share)),
    calls: before.calls + now.calls,
    logTail: mix(before.logTail, now.logTail),
    tailMs: mix(before.tailMs, now.tailMs),
    tailCalls: before.tailCalls + now.tailCalls,
  };
}
