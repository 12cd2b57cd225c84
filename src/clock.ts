/** Handle of a pending timer; opaque to callers. */
export type TimerHandle = object;

/**
 * Time as the system sees it. Everything that needs the time or a timer gets a `Clock`, so
 * that the same code runs against the wall clock and against the simulator's virtual one.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  nowMs(): number;
  /** Calls `fire` once, `delayMs` (>= 0) from now. A pending timer keeps the process alive. */
  setTimer(delayMs: number, fire: () => void): TimerHandle;
  /** Stops a pending timer; one that has fired, or none, is ignored. */
  clearTimer(timer: TimerHandle | undefined): void;
  /** Wall-clock time of day in ms since 1970, for labels only; never for measuring. */
  timeOfDayMs(): number;
}

/** The longest delay that Node's timers take, about 25 days; a longer one would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** The machine's monotonic clock. Delays of more than 25 days are cut to that. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  setTimer: (delayMs, fire) => setTimeout(fire, Math.min(delayMs, longestDelayMs)),
  clearTimer: (timer) => {
    clearTimeout(timer as NodeJS.Timeout);
  },
  timeOfDayMs: () => Date.now(),
};

/** Resolves `delayMs` from now on the given clock. */
export function sleep(delayMs: number, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}
