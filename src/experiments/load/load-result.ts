import type { Slo } from '../../slo.ts';

/** What happened in one stretch of a load, by the time at which it happened. */
export interface LoadWindow {
  /** End of the window, in ms since the load began, warm-up included. */
  readonly timeMs: number;
  readonly durationMs: number;
  readonly isWarmUp: boolean;
  /** Requests that left, or would have if a connection had been free. */
  readonly sent: number;
  readonly answered: number;
  /** Of those answered: within the SLO. */
  readonly withinSlo: number;
  readonly shed: number;
  readonly errors: number;
  /** Of the requests answered in this window; NaN without any. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Requests under way at its end. */
  readonly outstanding: number;
}

/** A latency and the share of requests that took no longer. */
export interface PercentilePoint {
  readonly share: number;
  readonly latencyMs: number;
}

/**
 * What a load found. Everything but the windows speaks of the measured time, after the warm-up, and
 * of the requests that were due in it.
 *
 * Latencies count from when a request was due: in an open loop that is its intended arrival, so a
 * server that stalls cannot hide what it made wait. They are those of answered requests and of
 * requests given up at the timeout, which took at least that long.
 */
export interface LoadResult {
  readonly slo: Slo;
  /** Whether the share of requests within the limit reached the SLO's percentile. */
  readonly verdict: 'held' | 'not-held';
  /** `answered + shed + errors`. */
  readonly sent: number;
  readonly answered: number;
  /** Turned away with 429 or 503. */
  readonly shed: number;
  /** Everything else that brought no valid answer, timeouts among it. */
  readonly errors: number;
  /** Arrivals that came too late out of the generator to be sent at all. */
  readonly unsent: number;
  /** Answers that came within the measured time, by that time. */
  readonly throughputPerS: number;
  /** Requests answered within the SLO's limit, by the measured time. */
  readonly goodputPerS: number;
  /** Share of all requests answered within the SLO's limit; unsent ones were not. */
  readonly sloAttainment: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly p999: number;
    readonly mean: number;
    readonly max: number;
  };
  /** At the SLO's percentile. */
  readonly controlledMs: number;
  /** The same latencies without what a request waited in the generator before it left. */
  readonly sinceSentMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** How late requests left the generator, of its own fault; 0 in a closed loop. */
  readonly lagMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Measured time, in ms: the duration asked for, less when it was interrupted. */
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly errorsByReason: Readonly<Record<string, number>>;
  readonly percentiles: readonly PercentilePoint[];
  readonly windows: readonly LoadWindow[];
  /** What a reader should know, in sentences. */
  readonly notes: readonly string[];
}
