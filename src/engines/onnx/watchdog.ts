import type { Clock, TimerHandle } from '../../clock.ts';

/** Something with a deadline. */
export interface Watch {
  /** It ended in time. */
  clear(): void;
}

interface Entry {
  readonly deadlineMs: number;
  readonly onOverdue: () => void;
}

/**
 * Deadlines of many short things on one timer. The timer is set for the earliest deadline and left
 * alone while later ones come and go, so runs of 10 ms under a limit of 60 s cost a timer a minute
 * and not one each.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  #timer: TimerHandle | undefined;
  #firesAtMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onOverdue` once when `limitMs` pass before the watch is cleared. */
  watch(limitMs: number, onOverdue: () => void): Watch {
    const entry: Entry = { deadlineMs: this.#clock.nowMs() + limitMs, onOverdue };
    if (!this.#closed) {
      this.#entries.add(entry);
      if (entry.deadlineMs < this.#firesAtMs) this.#arm(entry.deadlineMs);
    }
    return { clear: () => void this.#entries.delete(entry) };
  }

  /** Forgets everything that is watched, and watches nothing any more. */
  close(): void {
    this.#closed = true;
    this.#entries.clear();
    this.#disarm();
  }

  #arm(atMs: number): void {
    this.#disarm();
    this.#firesAtMs = atMs;
    const delayMs = Math.max(0, atMs - this.#clock.nowMs());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#sweep());
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#firesAtMs = Number.POSITIVE_INFINITY;
  }

  #sweep(): void {
    this.#disarm();
    const nowMs = this.#clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    const overdue: Entry[] = [];
    for (const entry of this.#entries) {
      if (entry.deadlineMs <= nowMs) overdue.push(entry);
      else nextMs = Math.min(nextMs, entry.deadlineMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
    for (const entry of overdue) {
      // One that is overdue may settle another.
      if (this.#entries.delete(entry)) entry.onOverdue();
    }
  }
}
