import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { traceArrivals, uniformArrivals } from './arrivals.ts';
import { OpenLoop } from './open-loop.ts';
import type { RowSource } from './row-source.ts';
import { syntheticSource } from './row-source.ts';

describe('OpenLoop', () => {
  it('hands rows over at their times, whether or not any was answered', () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const loop = new OpenLoop(
      syntheticSource((i) => i),
      traceArrivals([1, 4, 4, 9]),
      clock,
      () => {
        times.push(clock.nowMs());
      },
    );
    loop.start();
    clock.runUntil(100);
    expect(times).toEqual([1, 4, 4, 9]);
    expect(loop).toMatchObject({ submitted: 4, outstanding: 4, hasEnded: true });
  });

  it('counts rows as outstanding until they are answered', () => {
    const clock = new VirtualClock();
    const loop = new OpenLoop(
      syntheticSource((i) => i),
      uniformArrivals(1000),
      clock,
      (_, settled) => {
        clock.setTimer(2.5, settled);
      },
    );
    loop.start();
    clock.runUntil(10.2);
    expect(loop).toMatchObject({ submitted: 10, outstanding: 3 });
  });

  it('makes up for a timer that fires late', () => {
    const clock = new VirtualClock();
    const late = {
      ...Object.fromEntries(
        (['nowMs', 'clearTimer', 'timeOfDayMs'] as const).map((name) => [
          name,
          clock[name].bind(clock),
        ]),
      ),
      setTimer: (delayMs: number, fire: () => void) => clock.setTimer(delayMs + 7, fire),
    } as unknown as VirtualClock;
    const loop = new OpenLoop(
      syntheticSource((i) => i),
      uniformArrivals(500),
      late,
      () => undefined,
    );
    loop.start();
    clock.runUntil(1000);
    expect(loop.submitted).toBeGreaterThanOrEqual(496);
    expect(loop.submitted).toBeLessThanOrEqual(500);
  });

  it('stops when told to, even from within an arrival', () => {
    const clock = new VirtualClock();
    let count = 0;
    const loop = new OpenLoop(
      syntheticSource((i) => i),
      uniformArrivals(100),
      clock,
      () => {
        count += 1;
        if (count === 3) loop.stop();
      },
    );
    loop.start();
    clock.runUntil(1000);
    expect(count).toBe(3);
    expect(loop.hasEnded).toBe(true);
  });

  it('drops and counts arrivals for which there is no row', () => {
    const clock = new VirtualClock();
    const dry: RowSource<number> = { ...syntheticSource((i) => i), take: () => undefined };
    const loop = new OpenLoop(dry, traceArrivals([1, 2]), clock, () => undefined);
    loop.start();
    clock.runUntil(5);
    expect(loop).toMatchObject({ submitted: 0, starved: 2, outstanding: 0 });
  });
});
