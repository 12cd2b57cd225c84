import { describe, expect, it } from 'vitest';
import { KnobMemory } from './knob-memory.ts';

const reading = (latencyMs: number, throughputPerS: number, executionMs = latencyMs) => ({
  latencyMs,
  throughputPerS,
  executionMs,
});

const speedOf = (meanMs: number, windows = 1) => ({
  logMs: Math.log(meanMs),
  variance: 0,
  windows,
});

/** A memory of batch sizes 1, 8 and 32 of which 32 takes 100 ms. */
function memory(): KnobMemory {
  const knob = new KnobMemory(1.4);
  knob.record(1, reading(10, 100));
  knob.record(8, reading(40, 200));
  knob.record(32, reading(100, 320));
  return knob;
}

describe('KnobMemory', () => {
  it('answers for the SLO of the moment', () => {
    const knob = memory();
    expect(knob.best(100)).toBe(32);
    expect(knob.best(99)).toBe(8);
    expect(knob.best(9)).toBeUndefined();
    expect(knob.largestWithinBelow(32, 100)).toBe(8);
    expect(knob.largestWithinBelow(32, 20)).toBe(1);
    expect(knob.smallestUselessAbove(1, 100)).toBeUndefined();
    expect(knob.smallestUselessAbove(1, 50)).toBe(32);
    expect(knob.smallestUselessAbove(1, 30)).toBe(8);
  });

  it('calls a larger value useless that brings nothing, if it is large enough to tell', () => {
    const knob = memory();
    knob.record(40, reading(125, 321));
    expect(knob.smallestUselessAbove(32, 1000)).toBeUndefined();
    knob.record(64, reading(199, 322));
    expect(knob.smallestUselessAbove(32, 1000)).toBe(64);
    expect(knob.gainedNothingAt(64, 1000)).toBe(true);
    expect(knob.gainedNothingAt(40, 1000)).toBe(false);
  });

  it('calls a close neighbour useless when it clearly costs throughput', () => {
    const knob = memory();
    knob.record(33, reading(110, 300));
    expect(knob.smallestUselessAbove(32, 1000)).toBe(33);
    expect(knob.fallsShortOf(32, 33)).toBe(true);
  });

  it('lets no difference decide that the wandering speed of the machine explains', () => {
    for (const wander of [0, 0.15]) {
      const knob = memory();
      const readAt8 = (speed: number): void => {
        const at8 = reading(40 / speed, 200 * speed);
        knob.record(8, { ...at8, speed: speedOf(at8.latencyMs) });
      };
      [0, 1, -1, 1, 0].forEach((sign) => readAt8(Math.exp(sign * wander)));
      knob.record(40, reading(130, 300));
      expect(knob.fallsShortOf(32, 40)).toBe(wander === 0);
      expect(knob.wanderFactor(reading(44, 200, 40), 0.95) > 1.1).toBe(wander > 0);
    }
  });

  it('takes the mean throughput of several readings at one value', () => {
    const knob = memory();
    knob.record(8, { ...reading(40, 200), speed: speedOf(40) });
    knob.record(8, { ...reading(42, 220), speed: speedOf(42) });
    knob.record(8, { ...reading(41, 240), speed: speedOf(41) });
    expect(knob.worthAt(8)).toBe(220);
  });

  it.each([
    ['joins windows by itself', speedOf(40, 8)],
    ['shows the throughput of little traffic', undefined],
  ])('takes the last throughput at a value where it %s', (_, speed) => {
    const knob = memory();
    knob.record(8, { ...reading(40, 50), ...(speed && { speed }) });
    knob.record(8, { ...reading(40, 50), ...(speed && { speed }) });
    knob.record(8, { ...reading(40, 210), ...(speed && { speed }) });
    expect(knob.worthAt(8)).toBe(210);
  });

  it('learns nothing of the speed from batches that were not full', () => {
    const knob = memory();
    for (const executionMs of [40, 30, 45, 35, 42]) knob.record(8, reading(executionMs, 200));
    expect(knob.wanderFactor(reading(44, 200, 40), 0.95)).toBe(1);
  });

  it('rescales all readings when the machine slows down, and again when it recovers', () => {
    const knob = memory();
    knob.record(8, reading(80, 100));
    expect(knob.largestWithinBelow(32, 50)).toBe(1);
    expect(knob.smallestUselessAbove(8, 199)).toBe(32);
    expect(knob.smallestUselessAbove(8, 200)).toBeUndefined();
    knob.record(8, reading(40, 200));
    expect(knob.best(100)).toBe(32);
  });

  it('notices drift that comes in small steps', () => {
    const knob = memory();
    for (const factor of [1.1, 1.2, 1.3]) knob.record(8, reading(40 * factor, 200 / factor));
    expect(knob.best(100)).toBe(8);
    expect(knob.smallestUselessAbove(8, 129)).toBe(32);
    expect(knob.smallestUselessAbove(8, 131)).toBeUndefined();
  });

  it('notices a change of speed at a value never visited before', () => {
    const slower = memory();
    slower.record(16, reading(200, 80));
    expect(slower.smallestUselessAbove(1, 79)).toBe(8);
    const faster = memory();
    faster.record(16, reading(20, 600));
    expect(faster.best(50)).toBe(32);
    expect(faster.smallestUselessAbove(16, 50)).toBeUndefined();
  });

  it('takes a long tail for what it is, not for a slower machine', () => {
    const knob = memory();
    knob.record(32, reading(300, 310, 100));
    expect(knob.best(50)).toBe(8);
    expect(knob.largestWithinBelow(32, 40)).toBe(8);
  });

  it('forgets nothing and invents nothing when what was out of reach is reached', () => {
    const knob = memory();
    knob.recordUnreachable(64);
    expect(knob.smallestUselessAbove(32, 1e9)).toBe(64);
    knob.record(64, reading(180, 355));
    expect(knob.best(1000)).toBe(64);
    expect(knob.best(100)).toBe(32);
    knob.record(32, reading(Number.POSITIVE_INFINITY, 0, Number.NaN));
    knob.record(32, reading(100, 320));
    expect(knob.best(100)).toBe(32);
    expect(knob.best(39)).toBe(1);
  });

  it('tires of holding and forgets what closed the next step, at ever longer intervals', () => {
    const knob = memory();
    const holdsUntilOpen = (): number => {
      knob.record(9, reading(55, 190));
      let holds = 0;
      while (knob.smallestUselessAbove(8, 50) === 9 && holds < 1000) {
        knob.tire(8, 50);
        holds += 1;
      }
      return holds;
    };
    expect([holdsUntilOpen(), holdsUntilOpen(), holdsUntilOpen()]).toEqual([32, 64, 128]);
    expect(knob.smallestUselessAbove(8, 50)).toBe(32);
  });

  it('tires sooner with room to spare of what was over the limit by a hiccup, however far', () => {
    const holdsUntilOpen = (latencyMs: number, executionMs: number, hasRoom: boolean): number => {
      const knob = memory();
      knob.record(9, reading(latencyMs, 190, executionMs));
      let holds = 0;
      while (knob.smallestUselessAbove(8, 50) === 9 && holds < 1000) {
        knob.tire(8, 50, hasRoom);
        holds += 1;
      }
      return holds;
    };
    // Calls take 42 ms as a rule there, which holds the SLO of 50.
    expect(holdsUntilOpen(90, 42, true)).toBe(8);
    expect(holdsUntilOpen(90, 42, false)).toBe(32);
    // These take 55, which does not.
    expect(holdsUntilOpen(55, 55, true)).toBe(32);
  });

  it('does not try again what was far over the limit', () => {
    const knob = memory();
    for (let i = 0; i < 100; i += 1) knob.tire(8, 50);
    expect(knob.smallestUselessAbove(8, 50)).toBe(32);
  });
});
