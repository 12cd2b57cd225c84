import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from './virtual-clock.ts';

describe('VirtualClock', () => {
  it('fires timers in order of time, then of setting, whatever was cleared', () => {
    const timers = fc.array(
      fc.record({ delayMs: fc.integer({ min: 0, max: 20 }), isCleared: fc.boolean() }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(timers, (list) => {
        const clock = new VirtualClock();
        const fired: number[] = [];
        const handles = list.map(({ delayMs }, id) =>
          clock.setTimer(delayMs, () => {
            expect(clock.nowMs()).toBe(delayMs);
            fired.push(id);
          }),
        );
        list.forEach(({ isCleared }, id) => {
          if (isCleared) clock.clearTimer(handles[id]);
        });
        clock.runUntil(20);
        const expected = list
          .map(({ delayMs, isCleared }, id) => ({ delayMs, isCleared, id }))
          .filter(({ isCleared }) => !isCleared)
          .sort((a, b) => a.delayMs - b.delayMs || a.id - b.id)
          .map(({ id }) => id);
        expect(fired).toEqual(expected);
      }),
    );
  });

  it('fires timers set by timers, in order and without going back', () => {
    const seeds = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(seeds, (delays) => {
        const clock = new VirtualClock();
        const timesMs: number[] = [];
        const spawn = (depth: number): void => {
          timesMs.push(clock.nowMs());
          if (depth === 0) return;
          clock.setTimer(delays[(depth * 7) % delays.length] ?? 0, () => {
            spawn(depth - 1);
          });
        };
        for (const delayMs of delays) clock.setTimer(delayMs, () => spawn(3));
        expect(clock.runWhile(() => timesMs.length === 4 * delays.length)).toBe(true);
        expect(timesMs).toEqual([...timesMs].sort((a, b) => a - b));
      }),
    );
  });

  it('stops where it is told, and goes on from there', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    for (const delayMs of [10, 20, 30]) clock.setTimer(delayMs, () => fired.push(clock.nowMs()));
    clock.runUntil(20);
    expect(fired).toEqual([10, 20]);
    expect(clock.nowMs()).toBe(20);
    clock.runUntil(15);
    expect(clock.nowMs()).toBe(20);
    clock.setTimer(5, () => fired.push(clock.nowMs()));
    clock.runUntil(100);
    expect(fired).toEqual([10, 20, 25, 30]);
    expect(clock.nowMs()).toBe(100);
  });

  it('says whether it ended by its condition, by its limit or for want of timers', () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    expect(clock.runWhile(() => ticks === 3)).toBe(true);
    expect(clock.nowMs()).toBe(30);
    expect(clock.runWhile(() => ticks === 100, 75)).toBe(false);
    expect(ticks).toBe(7);
    expect(new VirtualClock().runWhile(() => false)).toBe(false);
  });

  it('does not move for a timer that was cleared', () => {
    const clock = new VirtualClock();
    clock.clearTimer(clock.setTimer(50, () => undefined));
    expect(clock.runWhile(() => false)).toBe(false);
    expect(clock.nowMs()).toBe(0);
  });

  it('ignores a timer that has fired, and no timer', () => {
    const clock = new VirtualClock();
    let fired = 0;
    const timer = clock.setTimer(1, () => (fired += 1));
    clock.runUntil(1);
    clock.clearTimer(timer);
    clock.clearTimer(undefined);
    expect(fired).toBe(1);
  });

  it('takes a negative delay for none, and refuses one that is no number', () => {
    const clock = new VirtualClock();
    clock.runUntil(5);
    let firedMs = -1;
    clock.setTimer(-3, () => (firedMs = clock.nowMs()));
    clock.runUntil(5);
    expect(firedMs).toBe(5);
    expect(() => clock.setTimer(Number.NaN, () => undefined)).toThrow(
      'a delay must be a number of ms; received NaN',
    );
  });
});
