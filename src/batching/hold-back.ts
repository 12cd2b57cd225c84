/** What the batcher sees when an instance is free and requests wait. */
export interface DispatchState {
  readonly queued: number;
  readonly batchSize: number;
  /** How long the oldest request has waited, in ms. */
  readonly oldestWaitMs: number;
  /** Limit of the SLO, in ms. */
  readonly sloLimitMs: number;
  /** What an engine call is expected to take at this batch size, in ms; NaN when unknown. */
  readonly expectedExecutionMs: number;
  /** Share of instance time spent running lately, 0..1. */
  readonly busyShare: number;
}

/** Shorter waits are not worth a timer, and one too short would not move the clock. */
export const shortestHoldMs = 0.1;

/** Share of the SLO kept in hand when a batch is held back, for noise in the execution time. */
const reserveShare = 0.1;

/**
 * Below this share of busy time nothing is held back: a fuller batch saves instance time, which is
 * worth a request's waiting only where instance time is short.
 */
const scarceFrom = 0.7;

/**
 * How long a batch may still be held back, in ms; 0 means dispatch now. A full batch goes at once,
 * and so does any batch while instances idle a good part of the time.
 * A batch that is not full waits for more requests only as long as its oldest request can still be
 * answered within the SLO. While nothing is known of the execution time nothing is held back for
 * longer than half the SLO.
 */
export function holdBackMs(state: DispatchState): number {
  if (state.queued >= state.batchSize || state.busyShare < scarceFrom) return 0;
  const executionMs = Number.isNaN(state.expectedExecutionMs)
    ? state.sloLimitMs * (0.5 - reserveShare)
    : state.expectedExecutionMs;
  const slackMs = state.sloLimitMs * (1 - reserveShare) - executionMs - state.oldestWaitMs;
  return slackMs < shortestHoldMs ? 0 : slackMs;
}
