import { systemClock } from '../../../clock.ts';
import type { Clock, TimerHandle } from '../../../clock.ts';

/**
 * The machine's clock, which a test can put forward: long waits are over at once, without limits so
 * short that a busy machine breaks them. Timers fire when they would have.
 */
export class ForwardClock implements Clock {
  aheadMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.aheadMs;
  }

  setTimer(delayMs: number, fire: () => void): TimerHandle {
    return systemClock.setTimer(delayMs, fire);
  }

  clearTimer(timer: TimerHandle | undefined): void {
    systemClock.clearTimer(timer);
  }

  timeOfDayMs(): number {
    return systemClock.timeOfDayMs();
  }
}
