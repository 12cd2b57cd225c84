import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import { batchOf, configOf, fault, setUpPool } from './testing/fake-instance.ts';
import type { FakeInstance, PoolTestOptions } from './testing/fake-instance.ts';

const setUp = (
  options: Partial<PoolTestOptions<VirtualClock>> = {},
): ReturnType<typeof setUpPool<VirtualClock>> =>
  setUpPool({ clock: new VirtualClock(), ...options });

describe('what cannot be reached', () => {
  it('is content with fewer instances when one cannot be loaded', () => {
    const { pool, started, health, applied, apply } = setUp();
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    started[2]?.die(fault('no memory'));
    expect(applied).toEqual([null]);
    expect(pool.target.instances).toBe(2);
    expect(health.at(-1)).toMatchObject({ ready: true });
    expect(health.at(-1)?.message).toContain('no memory');
  });

  it('gives those that there are the share of cores that is due to so few', () => {
    const { pool, started, first, applied, apply } = setUp();
    apply({
      ...{ instances: 2, batchSize: 1, config: configOf(2) },
      configOf: (instances) => configOf(4 / instances),
    });
    // One with the share of two replaces the first, which had all; the other one dies.
    for (let i = 0; i < 2; i += 1) started[1]?.step();
    first.step();
    started[2]?.die(fault('killed'));
    expect(applied).toEqual([]);
    for (let i = 0; i < 3; i += 1) for (const instance of started) instance.step();
    expect(applied).toEqual([null]);
    expect(pool.target).toMatchObject({ instances: 1, config: configOf(4) });
    expect(pool.freeInstances).toBe(1);
  });

  it('gives those no other share once more when a replacement fails, too', () => {
    const { pool, clock, started, applied, apply } = setUp();
    apply({
      ...{ instances: 3, batchSize: 1, config: configOf(1) },
      configOf: (instances) => configOf(instances === 2 ? 2 : 4),
    });
    for (let i = 0; i < 2; i += 1) for (const at of [1, 2]) started[at]?.step();
    started[3]?.die(fault('killed'));
    expect(pool.target).toMatchObject({ instances: 2, config: configOf(2) });
    clock.runUntil(clock.nowMs() + 1000);
    expect(started[4]?.config).toEqual(configOf(2));
    started[4]?.die(fault('killed'));
    for (let i = 0; i < 4; i += 1) for (const instance of started) instance.step();
    expect(applied).toEqual([null]);
    expect(pool.target.instances).toBe(2);
    expect(pool.freeInstances).toBe(2);
  });

  it('asks before it starts one, and waits no longer than for those that are loading', () => {
    let left = 2;
    const { pool, started, applied, apply } = setUp({
      obstacle: () => (left-- > 0 ? undefined : fault('full')),
    });
    apply({ instances: 4, batchSize: 1, config: configOf(4) });
    expect(started).toHaveLength(3);
    for (let i = 0; i < 2; i += 1) for (const instance of started) instance.step();
    expect(applied).toEqual([null]);
    expect(pool.target.instances).toBe(3);
  });

  it('keeps the old configuration when the new one cannot be started', () => {
    const { pool, started, first, applied, apply } = setUp();
    apply({ instances: 1, batchSize: 1, config: configOf(2) });
    started[1]?.die(fault('no threads'));
    expect(applied).toEqual([null]);
    expect(pool.target.config.threads).toBe(4);
    expect(first.retiring).toBe(false);
    expect(pool.freeInstances).toBe(1);
  });

  it('goes back to the batch size before when the new one fails to run', () => {
    const { pool, first, health, applied, apply } = setUp();
    apply({ instances: 1, batchSize: 64, config: configOf(4) });
    expect(first.rows).toBe(64);
    first.failRun(fault('too large'));
    expect(applied).toEqual([null]);
    expect(pool.target.batchSize).toBe(1);
    expect(pool.freeInstances).toBe(1);
    expect(health.at(-1)?.message).toContain('a warm-up run of 64 rows failed: too large');
    apply({ instances: 1, batchSize: 64, config: configOf(4) });
    expect(first.phase).toBe('running');
    first.step();
    expect(pool.target.batchSize).toBe(64);
    expect(health.at(-1)).toEqual({ ready: true });
  });

  it('warms newcomers for the batch size that others have gone back to', () => {
    const { pool, started, first, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 64, config: configOf(4) });
    started[1]?.step();
    first.failRun(fault('too large'));
    started[1]?.step();
    expect(started[1]?.rows).toBe(1);
    expect(pool.freeInstances).toBe(1);
    started[1]?.step();
    expect(applied).toEqual([null]);
  });

  it('answers at once when nothing can be started', () => {
    const { applied, apply } = setUp({ obstacle: () => fault('full') });
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    expect(applied).toEqual([null]);
  });

  it('says so when nothing is left, and goes on trying', () => {
    const { clock, started, first, health, applied, apply, states } = setUp();
    first.die(fault('killed'));
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    started[1]?.die(fault('gone again'));
    expect(applied.map((error) => error?.message)).toEqual(['gone again']);
    expect(health.at(-1)).toMatchObject({ ready: false });
    clock.runUntil(clock.nowMs() + 1000);
    for (let i = 0; i < 2; i += 1) started[2]?.step();
    expect(states()).toBe('idle');
    expect(health.at(-1)).toEqual({ ready: true });
  });
});

describe('instances that die', () => {
  it('are replaced after pauses that double until one works', () => {
    const { clock, started, first } = setUp();
    first.die(fault('killed'));
    const startedAfter = (ms: number): number => {
      const before = started.length;
      clock.runUntil(clock.nowMs() + ms);
      return started.length - before;
    };
    for (const pauseMs of [100, 200, 400, 800, 1000, 1000]) {
      expect(startedAfter(pauseMs - 1)).toBe(0);
      expect(startedAfter(1)).toBe(1);
      started.at(-1)?.die(fault('again'));
    }
  });

  it('do not make the pauses shorter by working until their first batch', () => {
    const { pool, clock, started, first } = setUp();
    first.die(fault('killed'));
    const reviveAfter = (pauseMs: number): FakeInstance => {
      const before = started.length;
      clock.runUntil(clock.nowMs() + pauseMs - 1);
      expect(started.length).toBe(before);
      clock.runUntil(clock.nowMs() + 1);
      const revived = started.at(-1) as FakeInstance;
      revived.step();
      revived.step();
      pool.run(batchOf(1), () => undefined);
      return revived;
    };
    reviveAfter(100).die(fault('a deadly batch'));
    reviveAfter(200).die(fault('a deadly batch'));
    const healthy = reviveAfter(400);
    healthy.step();
    healthy.die(fault('later'));
    reviveAfter(100);
  });

  it('do not make the pauses shorter while others work', () => {
    const { pool, clock, started, first, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    for (let i = 0; i < 2; i += 1) started[1]?.step();
    started[1]?.die(fault('killed'));
    for (const pauseMs of [100, 200, 400]) {
      pool.run(batchOf(1), () => undefined);
      first.step();
      const before = started.length;
      clock.runUntil(clock.nowMs() + pauseMs - 1);
      expect(started.length).toBe(before);
      clock.runUntil(clock.nowMs() + 1);
      started.at(-1)?.die(fault('again'));
    }
  });

  it('are not replaced before they are gone', () => {
    const { pool, clock, started, first, apply } = setUp();
    pool.run(batchOf(1), () => undefined);
    first.timeOut(fault('too long'));
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    clock.runUntil(5000);
    expect(started).toHaveLength(1);
    first.die(fault('too long'));
    clock.runUntil(5100);
    expect(started).toHaveLength(2);
  });

  it('tell of their batch and of the health', () => {
    const { pool, first, health } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    first.die(fault('killed'));
    expect(outcomes).toEqual(['instance-lost']);
    expect(health.at(-1)).toEqual({ ready: false, message: 'no instance is running: killed' });
  });
});

describe('instances that hang', () => {
  it('make the engine not ready, are replaced, and are forgiven when they come back', () => {
    const { pool, clock, started, first, health } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    first.giveUp(fault('too long'));
    expect(outcomes).toEqual(['timed-out']);
    expect(health.at(-1)).toMatchObject({ ready: false });
    expect(health.at(-1)?.message).toContain('hangs in a run');
    clock.runUntil(100);
    for (let i = 0; i < 2; i += 1) started[1]?.step();
    expect(pool.freeInstances).toBe(1);
    expect(health.at(-1)).toMatchObject({ ready: false });
    first.listener.onEnded(undefined);
    expect(health.at(-1)).toEqual({ ready: true });
  });

  it('may end as they like later, whatever change is under way', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.giveUp(fault('loading takes too long'));
    expect(applied).toEqual([null]);
    expect(pool.target.instances).toBe(1);
    apply({ instances: 7, batchSize: 1, config: configOf(4) });
    expect(pool.instances.filter(({ state }) => state === 'loading')).toHaveLength(4);
    started[1]?.listener.onEnded(fault('a bad end'));
    expect(pool.target.instances).toBe(7);
    for (let i = 0; i < 4; i += 1) for (const instance of started.slice(2)) instance.step();
    expect(applied).toEqual([null, null]);
    expect(pool.freeInstances).toBe(7);
  });
});
