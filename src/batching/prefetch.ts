/** What the batcher sees when instances run and whole batches wait. */
export interface PrefetchState {
  /** Batches that instances run. */
  readonly running: number;
  /** What an engine call is expected to take at this batch size, in ms; NaN when unknown. */
  readonly expectedExecutionMs: number;
  /** Limit of the SLO, in ms. */
  readonly sloLimitMs: number;
}

/**
 * A batch that waits at an instance does not go to another that comes free before, so it may be late
 * by a call: with several instances a call may take this share of the SLO.
 */
const callShare = 0.25;

/**
 * A request at an instance can no longer be withdrawn, nor expire. Where calls are longer than this, in
 * ms, the pause between two is a small part of them.
 */
const longestCallMs = 100;

/**
 * Whether a whole batch is to be handed over before an instance is free for it, to wait at one that
 * runs. Calls of unknown length are not counted on.
 */
export function isWorthPrefetching(state: PrefetchState): boolean {
  const { running, expectedExecutionMs, sloLimitMs } = state;
  const mostMs = running === 1 ? longestCallMs : Math.min(longestCallMs, callShare * sloLimitMs);
  return expectedExecutionMs <= mostMs;
}
