/** How long to run each scaler, and up to which batch size. */
export interface RunPlan {
  readonly durationMs: number;
  /** How long, in all, one may take that has not become steady by then. */
  readonly steadyLimitMs: number;
  readonly maxBatchSize: number;
}

export interface PlanOptions {
  /** Latency of one image at one instance, in ms. */
  readonly baseMs: number;
  /** Over the latency of one image. */
  readonly sloFactor: number;
  /** The engine's own limit. */
  readonly maxBatchSize: number;
  /** Bounds of a duration that is left to this plan, in ms. */
  readonly shortestMs: number;
  readonly longestMs: number;
  /** A duration to keep to, whatever the runs come to. */
  readonly durationMs?: number;
}

/**
 * Calls of one image that fit into a run: a window that claims a p95 has 40 calls, so that there is
 * time for the probes, some moves and some windows at the point where it stays.
 */
const callsPerRun = 300;
/** A run that is still moving may take so many times the longest duration. */
const steadyFactor = 2.5;
/** The probe of the largest batch has four calls, one of which does not count. */
const probeCalls = 4;
/** Share of a run that this probe may take. */
const probeShare = 0.25;
/** No batch over the SLO is left out: without any gain from batching, latency grows with the batch. */
const spareBatches = 1.5;

/**
 * Plans the runs of one network by what a call of it takes. A slow network gets longer runs, and
 * where a batch of 32 would fill them, a smaller largest batch: at least 1.5 times what fits into the
 * SLO if batching gains nothing.
 */
export function planRun(options: PlanOptions): RunPlan {
  const { baseMs, sloFactor, shortestMs, longestMs } = options;
  const durationMs =
    options.durationMs ?? Math.min(longestMs, Math.max(shortestMs, callsPerRun * baseMs));
  const affordable = Math.floor((probeShare * durationMs) / (probeCalls * baseMs));
  const useful = Math.ceil(spareBatches * sloFactor);
  return {
    durationMs,
    steadyLimitMs: options.durationMs ?? steadyFactor * longestMs,
    maxBatchSize: Math.min(options.maxBatchSize, Math.max(affordable, useful)),
  };
}
