import type { OperatingPoint } from '../operating-point.ts';
import type { NewestWindow, Observation } from '../scaling/scaler.ts';
import type { Slo } from '../slo.ts';
import { summarizeLatencies } from '../telemetry/latency-summary.ts';
import { quantileOfSorted, samplesFor } from '../telemetry/quantile.ts';
import type { PowerMeter } from '../telemetry/power/power-meter.ts';
import { SampleBuffer } from '../telemetry/sample-buffer.ts';

/** What was measured in one window: all of it at one operating point. */
export interface WindowSample {
  readonly startMs: number;
  readonly durationMs: number;
  readonly calls: number;
  readonly rows: number;
  readonly busyMs: number;
  readonly arrivals: number;
  readonly shed: number;
  readonly errors: number;
  /** Rows answered within the limit of the SLO in force when the window ended. */
  readonly withinSlo: number;
  /** Mean power in the window, in watts; absent where none was measured in it. */
  readonly powerWatts?: number;
  readonly executionMs: Float64Array;
  readonly requestMs: Float64Array;
}

/** When a window has seen enough. */
export interface WindowPolicy {
  /** A window that claims a percentile lasts at least this long, in ms. */
  readonly minMs: number;
  /** The same for a window that only measures throughput. */
  readonly throughputMinMs: number;
  /** Calls of a throughput window, at least. */
  readonly throughputMinCalls: number;
  /** Rows of a throughput window, at least: small batches need more calls. */
  readonly throughputMinRows: number;
  /** Windows that one observation may span, at most. */
  readonly horizonWindows: number;
}

export const defaultWindowPolicy: WindowPolicy = {
  minMs: 1000,
  throughputMinMs: 1000,
  throughputMinCalls: 3,
  throughputMinRows: 8,
  horizonWindows: 8,
};

/** Failed calls, with none answered, after which a point is given up. */
const failuresToLeave = 8;

/** A window may take this many times the calls it needs while the verdict is a close one. */
const closeCallFactor = 3;
/** Standard deviations between the share over the SLO and its allowance that settle a verdict. */
const clearDeviations = 1;
/**
 * A window whose median call took longer, or shorter, than before by more than chance explains is
 * not joined with those before: this many standard deviations (logarithm), within these bounds.
 */
const speedChange = { deviations: 5, least: Math.log(1.08), most: Math.log(1.25) };
/** Standard error of a normal sample's median over that of its mean. */
const medianError = Math.sqrt(Math.PI / 2);
/** A window ends early once this many times the calls allowed over the SLO were over it. */
const hopelessFactor = 2;

/**
 * Collects what happens at one operating point and cuts it into windows. The first calls after a
 * change never count. A window that claims a percentile ends when it has the calls to claim it and
 * they do not leave the verdict in doubt, or early when the SLO is broken beyond repair. A point at
 * which every call fails is left, too: its window ends without an answer in it.
 */
export class Measurement {
  readonly point: OperatingPoint;
  readonly #policy: WindowPolicy;
  readonly #meter: PowerMeter | undefined;
  #callsToSkip: number;
  #startMs: number;
  #calls = 0;
  #rows = 0;
  #failedCalls = 0;
  #hasAnswered = false;
  #busyMs = 0;
  #arrivals = 0;
  #shed = 0;
  #errors = 0;
  /** Calls with a row over this limit. */
  #callsOver = 0;
  #limitMs = Number.NaN;
  readonly #slowestMs = new SampleBuffer();
  readonly #executionMs = new SampleBuffer();
  readonly #requestMs = new SampleBuffer();
  #windows: WindowSample[] = [];
  /** Of the calls in the first of these windows. */
  #typical: Typical | null = null;

  /**
   * @param callsToSkip first calls after the change, which do not count
   * @param meter asked at the end of each window
   */
  constructor(
    point: OperatingPoint,
    policy: WindowPolicy,
    nowMs: number,
    callsToSkip: number,
    meter?: PowerMeter,
  ) {
    this.point = point;
    this.#policy = policy;
    this.#meter = meter;
    this.#startMs = nowMs;
    this.#callsToSkip = callsToSkip;
  }

  recordArrival(): void {
    this.#arrivals += 1;
  }

  /** Records a call whose rows were answered with an error. */
  recordFailure(rows: number): void {
    this.#failedCalls += 1;
    this.#errors += rows;
  }

  /**
   * Records one answered call.
   *
   * @param arrivalMs of row i of the call, for i in 0..rows-1
   */
  recordCall(
    startedMs: number,
    endedMs: number,
    rows: number,
    arrivalMs: (index: number) => number,
  ): void {
    this.#hasAnswered = true;
    if (this.#callsToSkip > 0) {
      this.#callsToSkip -= 1;
      if (this.#callsToSkip === 0) this.#restart(endedMs);
      return;
    }
    this.#calls += 1;
    this.#rows += rows;
    this.#busyMs += endedMs - startedMs;
    this.#executionMs.push(endedMs - startedMs);
    let slowestMs = 0;
    for (let i = 0; i < rows; i += 1) {
      const latencyMs = endedMs - arrivalMs(i);
      this.#requestMs.push(latencyMs);
      if (latencyMs > slowestMs) slowestMs = latencyMs;
    }
    this.#slowestMs.push(slowestMs);
    if (slowestMs > this.#limitMs) this.#callsOver += 1;
  }

  /** Whether the window has seen enough for a decision. */
  isComplete(nowMs: number, slo: Slo, wants: 'percentile' | 'throughput'): boolean {
    const elapsedMs = nowMs - this.#startMs;
    const policy = this.#policy;
    if (!this.#hasAnswered) {
      return elapsedMs >= policy.minMs && this.#failedCalls >= failuresToLeave;
    }
    if (wants === 'throughput') {
      return (
        elapsedMs >= policy.throughputMinMs &&
        this.#calls >= Math.max(policy.throughputMinCalls, 2 * this.point.instances) &&
        this.#rows >= policy.throughputMinRows
      );
    }
    this.#countOver(slo.limitMs);
    const needed = samplesFor(slo.percentile);
    const allowedShare = 1 - slo.percentile;
    const progress = Math.min(this.#calls / needed, elapsedMs / policy.minMs);
    if (progress < 1) {
      const finalCalls = this.#calls / Math.max(progress, 1e-9);
      return this.#callsOver > Math.max(2, hopelessFactor * allowedShare * finalCalls);
    }
    if (this.#calls >= closeCallFactor * needed) return true;
    const deviation = Math.sqrt(this.#calls * allowedShare * slo.percentile);
    const excess = this.#callsOver - allowedShare * this.#calls;
    return Math.abs(excess) >= clearDeviations * deviation;
  }

  /** Ends the window; the next one starts now. */
  close(nowMs: number, slo: Slo): WindowSample {
    const requestMs = this.#requestMs.toArray();
    const powerWatts = this.#meter?.meanWatts(this.#startMs, nowMs);
    const window: WindowSample = {
      startMs: this.#startMs,
      durationMs: nowMs - this.#startMs,
      calls: this.#calls,
      rows: this.#rows,
      busyMs: this.#busyMs,
      arrivals: this.#arrivals,
      shed: this.#shed,
      errors: this.#errors,
      withinSlo: requestMs.reduce((count, ms) => (ms <= slo.limitMs ? count + 1 : count), 0),
      ...(powerWatts !== undefined && { powerWatts }),
      executionMs: this.#executionMs.toArray(),
      requestMs,
    };
    this.#remember(window);
    this.#restart(nowMs);
    return window;
  }

  /** What was measured before the machine's speed changed says nothing about it now. */
  #remember(window: WindowSample): void {
    const typical = typicalOf(window.executionMs);
    if (this.#typical === null || !isAlike(typical, this.#typical)) {
      this.#windows = [];
      this.#typical = typical;
    }
    this.#windows.push(window);
    if (this.#windows.length > this.#policy.horizonWindows) this.#windows.shift();
  }

  /** What a decision sees: the latest windows at this point, as many as the verdict needs. */
  observe(slo: Slo): Observation {
    const horizonCalls = this.#policy.horizonWindows * samplesFor(slo.percentile);
    const latest: WindowSample[] = [];
    let calls = 0;
    for (let i = this.#windows.length - 1; i >= 0 && calls < horizonCalls; i -= 1) {
      const window = this.#windows[i] as WindowSample;
      latest.push(window);
      calls += window.calls;
    }
    return observationOf(latest, this.point, slo);
  }

  /** Counts the calls over the limit anew when the limit has changed. */
  #countOver(limitMs: number): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#callsOver = this.#slowestMs.countOver(limitMs);
  }

  #restart(nowMs: number): void {
    this.#startMs = nowMs;
    this.#calls = 0;
    this.#callsOver = 0;
    this.#failedCalls = 0;
    this.#rows = 0;
    this.#busyMs = 0;
    this.#arrivals = 0;
    this.#shed = 0;
    this.#errors = 0;
    this.#slowestMs.clear();
    this.#executionMs.clear();
    this.#requestMs.clear();
  }
}

/** Median of the logarithms of call times, and its squared standard error. */
interface Typical {
  readonly logMs: number;
  readonly variance: number;
}

function typicalOf(executionMs: Float64Array): Typical {
  const sorted = executionMs.toSorted();
  const log = (share: number): number => Math.log(quantileOfSorted(sorted, share));
  // A normal distribution has 68% within one standard deviation.
  const sigma = (log(0.84) - log(0.16)) / 2;
  return { logMs: log(0.5), variance: (medianError * sigma) ** 2 / sorted.length };
}

function isAlike(a: Typical, b: Typical): boolean {
  const { deviations, least, most } = speedChange;
  const chance = deviations * Math.sqrt(a.variance + b.variance);
  return Math.abs(a.logMs - b.logMs) <= Math.min(most, Math.max(least, chance));
}

/** Joins windows measured at one point, the newest first. */
function observationOf(
  windows: readonly WindowSample[],
  point: OperatingPoint,
  slo: Slo,
): Observation {
  const total = (of: (window: WindowSample) => number): number =>
    windows.reduce((sum, window) => sum + of(window), 0);
  const durationMs = total((window) => window.durationMs);
  const calls = total((window) => window.calls);
  const rows = total((window) => window.rows);
  const powerWatts = meanPowerWatts(windows);
  const [newest] = windows;
  return {
    point,
    slo,
    durationMs,
    endMs: newest === undefined ? 0 : newest.startMs + newest.durationMs,
    calls,
    rows,
    throughputPerS: (rows / durationMs) * 1000,
    executionLatency: summarizeLatencies(
      windows.map((window) => window.executionMs),
      slo.percentile,
    ),
    requestLatency: summarizeLatencies(
      windows.map((window) => window.requestMs),
      slo.percentile,
    ),
    batchFill: calls === 0 ? 0 : rows / (calls * point.batchSize),
    busyShare: Math.min(1, total((window) => window.busyMs) / (point.instances * durationMs)),
    arrivals: total((window) => window.arrivals),
    shed: total((window) => window.shed),
    errors: total((window) => window.errors),
    ...(newest !== undefined && newest.calls > 0 && { newestWindow: newestOf(newest) }),
    ...(powerWatts !== undefined && { powerWatts }),
  };
}

function newestOf({ durationMs, calls, rows, executionMs }: WindowSample): NewestWindow {
  const meanMs = executionMs.reduce((sum, ms) => sum + ms, 0) / calls;
  return { durationMs, calls, rows, meanMs };
}

/** Mean over the windows in which power was measured, by their lengths; undefined for none. */
export function meanPowerWatts(
  windows: readonly Pick<WindowSample, 'durationMs' | 'powerWatts'>[],
): number | undefined {
  let joules = 0;
  let meteredMs = 0;
  for (const { durationMs, powerWatts } of windows) {
    if (powerWatts === undefined) continue;
    joules += (powerWatts * durationMs) / 1000;
    meteredMs += durationMs;
  }
  return meteredMs > 0 ? joules / (meteredMs / 1000) : undefined;
}
