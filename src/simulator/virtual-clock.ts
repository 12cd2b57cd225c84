import type { Clock } from '../clock.ts';
import { invalidArgument } from '../errors.ts';

interface VirtualTimer {
  readonly atMs: number;
  readonly sequence: number;
  fire: (() => void) | undefined;
}

/**
 * Time that passes only when told to. Pending timers fire in order of (time, sequence), so that a
 * run is the same every time.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  /** A binary heap, earliest timer first. */
  readonly #heap: VirtualTimer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  timeOfDayMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, fire: () => void): VirtualTimer {
    if (Number.isNaN(delayMs)) throw invalidArgument('a delay', 'must be a number of ms', delayMs);
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence, fire };
    this.#sequence += 1;
    this.#push(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    if (timer !== undefined) (timer as VirtualTimer).fire = undefined;
  }

  /** Fires the timers due up to `untilMs`, in order, and leaves the clock there. */
  runUntil(untilMs: number): void {
    for (;;) {
      const earliest = this.#heap[0];
      if (earliest === undefined || earliest.atMs > untilMs) break;
      this.#fireEarliest();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * Fires timers until `isDone()` or none is left; answers whether it ended by `isDone()`.
   *
   * @param limitMs virtual time at which to give up
   */
  runWhile(isDone: () => boolean, limitMs = Number.POSITIVE_INFINITY): boolean {
    while (!isDone()) {
      const earliest = this.#heap[0];
      if (earliest === undefined || earliest.atMs > limitMs) return false;
      this.#fireEarliest();
    }
    return true;
  }

  #fireEarliest(): void {
    const timer = this.#pop();
    const { fire } = timer;
    if (fire === undefined) return;
    this.#nowMs = timer.atMs;
    timer.fire = undefined;
    fire();
  }

  #push(timer: VirtualTimer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as VirtualTimer;
      if (!isBefore(timer, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): VirtualTimer {
    const heap = this.#heap;
    const earliest = heap[0] as VirtualTimer;
    const last = heap.pop() as VirtualTimer;
    if (heap.length === 0) return earliest;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as VirtualTimer)) child += 1;
      const smaller = heap[child] as VirtualTimer;
      if (!isBefore(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return earliest;
  }
}

function isBefore(a: VirtualTimer, b: VirtualTimer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
