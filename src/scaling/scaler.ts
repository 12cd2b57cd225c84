import type { OperatingPoint } from '../operating-point.ts';
import type { Slo } from '../slo.ts';
import type { LatencySummary } from '../telemetry/latency-summary.ts';

/**
 * What one decision sees: everything measured at one operating point since it took effect
 * (first runs excluded), over the most recent windows. Never spans a change of the point.
 */
export interface Observation {
  /** The point in effect, as the engine really reached it. */
  readonly point: OperatingPoint;
  /** The objective now; it may change while running. */
  readonly slo: Slo;
  readonly durationMs: number;
  /** When it ended, by the clock of whoever observed: tells observations apart in time. */
  readonly endMs: number;
  /** Engine calls that ended in the observation. */
  readonly calls: number;
  /** Rows answered. */
  readonly rows: number;
  /** Rows answered per second. */
  readonly throughputPerS: number;
  /** Time of an engine call, dispatch to reply, one sample per call. */
  readonly executionLatency: LatencySummary;
  /** Arrival to reply, queueing included, one sample per row. */
  readonly requestLatency: LatencySummary;
  /** Rows per call over the batch size, 0..1: below 1, larger batches would not have been fuller. */
  readonly batchFill: number;
  /** Share of instance time spent running, 0..1: below 1, further instances would have idled more. */
  readonly busyShare: number;
  /** Rows that arrived. */
  readonly arrivals: number;
  /** Rows turned away. */
  readonly shed: number;
  /** Rows answered with an error. */
  readonly errors: number;
  /** The last of the windows that were joined. */
  readonly newestWindow?: NewestWindow;
  /** Mean power while it was observed, in watts over 0; absent where none was measured. */
  readonly powerWatts?: number;
}

/** One window of an observation that may span several. */
export interface NewestWindow {
  readonly durationMs: number;
  /** Engine calls, 1 or more, rows answered by them, and their mean time in ms. */
  readonly calls: number;
  readonly rows: number;
  readonly meanMs: number;
}

export type Approach = 'batching' | 'multi-tenancy' | 'joint';

/** What the profiler found: throughput at its probes and the improvement each knob brings. */
export interface ProfileReport {
  readonly probes: readonly {
    readonly point: OperatingPoint;
    readonly throughputPerS: number;
    readonly latencyMs: number;
  }[];
  /** TI_B: throughput improvement of Batching over (1,1), in percent. */
  readonly tiBatchingPercent: number;
  /** TI_MT: throughput improvement of Multi-Tenancy over (1,1), in percent. */
  readonly tiMultiTenancyPercent: number;
  readonly approach: Approach;
  /** Improvements in rows per joule, in percent: present where they chose the approach. */
  readonly perWatt?: {
    readonly batchingPercent: number;
    readonly multiTenancyPercent: number;
  };
}

export interface Decision {
  readonly point: OperatingPoint;
  /** A sentence a person can read: `p95 61 ms over the 50 ms SLO: batch 32 -> 16`. */
  readonly reason: string;
  /** `probe` measures, `move` goes somewhere to stay, `hold` stays. */
  readonly kind: 'probe' | 'move' | 'hold';
  /** Set when the SLO is broken and no other point is likely to hold it, as at the lowest one. */
  readonly infeasible?: true;
}

/**
 * Decides the next operating point from what was observed. Pure in the sense that matters: state of
 * its own, but no clock, no I/O and no chance, so the same observations give the same decisions.
 */
export interface Scaler {
  readonly name: string;
  /** The knob being turned; `null` until it is known, and for a fixed point. */
  readonly approach: Approach | null;
  /** Present once profiling is over, for scalers that profile. */
  readonly profile: ProfileReport | null;
  /**
   * What the next window is for: a `percentile` window waits for enough calls to claim the SLO's
   * percentile, a `throughput` window may be shorter. Those at the beginning of a run are a profiler's, and
   * count in no figure of it.
   */
  readonly wants: 'percentile' | 'throughput';
  first(): OperatingPoint;
  decide(observation: Observation): Decision;
}
