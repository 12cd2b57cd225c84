import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import { Watchdog } from './watchdog.ts';

class CountingClock extends VirtualClock {
  timers = 0;

  override setTimer(delayMs: number, fire: () => void): ReturnType<VirtualClock['setTimer']> {
    this.timers += 1;
    return super.setTimer(delayMs, fire);
  }
}

describe('Watchdog', () => {
  it('calls at the deadline of each, and not for what ended in time', () => {
    const clock = new VirtualClock();
    const watchdog = new Watchdog(clock);
    const called: string[] = [];
    watchdog.watch(100, () => called.push(`a at ${clock.nowMs()}`));
    watchdog.watch(50, () => called.push(`b at ${clock.nowMs()}`));
    const ended = watchdog.watch(70, () => called.push('c'));
    clock.runUntil(30);
    watchdog.watch(100, () => called.push(`d at ${clock.nowMs()}`));
    ended.clear();
    clock.runUntil(1000);
    expect(called).toEqual(['b at 50', 'a at 100', 'd at 130']);
  });

  it('needs no timer for each of many short watches', () => {
    const clock = new CountingClock();
    const watchdog = new Watchdog(clock);
    for (let i = 0; i < 10_000; i += 1) {
      const watch = watchdog.watch(60_000, () => expect.unreachable());
      clock.runUntil(clock.nowMs() + 10);
      watch.clear();
    }
    expect(clock.timers).toBeLessThanOrEqual(2);
  });

  it('does not call one that another overdue one has settled', () => {
    const clock = new VirtualClock();
    const watchdog = new Watchdog(clock);
    const called: string[] = [];
    watchdog.watch(10, () => {
      called.push('first');
      second.clear();
    });
    const second = watchdog.watch(10, () => called.push('second'));
    clock.runUntil(10);
    expect(called).toEqual(['first']);
  });

  it('watches nothing any more when closed', () => {
    const clock = new VirtualClock();
    const watchdog = new Watchdog(clock);
    watchdog.watch(10, () => expect.unreachable());
    watchdog.close();
    watchdog.watch(10, () => expect.unreachable());
    clock.runUntil(100);
  });
});
