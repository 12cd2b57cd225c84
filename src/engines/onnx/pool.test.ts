import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import { batchOf, configOf, fault, setUpPool } from './testing/fake-instance.ts';
import type { FakeInstance } from './testing/fake-instance.ts';

const setUp = (): ReturnType<typeof setUpPool<VirtualClock>> =>
  setUpPool({ clock: new VirtualClock() });

/** Lets all of them get on, so many times. */
function stepAll(started: readonly FakeInstance[], times: number): void {
  for (let i = 0; i < times; i += 1) for (const instance of started) instance.step();
}

describe('batches that are not full', () => {
  it('can be filled up to the next size that the instance has run', () => {
    const { pool, first, apply } = setUp();
    for (const batchSize of [8, 32]) {
      apply({ instances: 1, batchSize, config: configOf(4) });
      first.step();
    }
    expect([1, 2, 8, 9, 32, 33].map((rows) => pool.warmSizeFor(rows))).toEqual([
      1, 8, 8, 32, 32, 33,
    ]);
  });

  it('stay as they are while no instance is free', () => {
    const { pool } = setUp();
    pool.run(batchOf(1), () => undefined);
    expect(pool.warmSizeFor(1)).toBe(1);
    expect(pool.warmSizeFor(3)).toBe(3);
  });
});

describe('instances that stay warm for one size only', () => {
  const setUpForgetful = (): ReturnType<typeof setUpPool<VirtualClock>> =>
    setUpPool({ clock: new VirtualClock(), keepsSizes: false });

  it('are warmed up for a size again that they come back to', () => {
    const { pool, first, applied, apply } = setUpForgetful();
    for (const batchSize of [8, 32, 8]) {
      const before = applied.length;
      apply({ instances: 1, batchSize, config: configOf(4) });
      expect(first.rows).toBe(batchSize);
      expect(applied).toHaveLength(before);
      first.step();
      expect(applied).toHaveLength(before + 1);
    }
    expect([1, 8, 9].map((rows) => pool.warmSizeFor(rows))).toEqual([8, 8, 9]);
  });

  it('run the size before until they are warmed up for the next', () => {
    const { pool, started, apply } = setUpForgetful();
    apply({ instances: 2, batchSize: 8, config: configOf(4) });
    stepAll(started, 2);
    apply({ instances: 2, batchSize: 32, config: configOf(4) });
    const warming = started.find(({ phase }) => phase === 'running');
    expect(pool.warmSizeFor(3)).toBe(8);
    warming?.step();
    expect(pool.warmSizeFor(3)).toBe(32);
  });

  it('get no more large batches once they are warmed up for smaller ones', () => {
    const { pool, started, applied, apply } = setUpForgetful();
    apply({ instances: 2, batchSize: 32, config: configOf(4) });
    stepAll(started, 2);
    expect(pool.freeInstances).toBe(2);
    apply({ instances: 2, batchSize: 8, config: configOf(4) });
    const warming = started.find(({ phase }) => phase === 'running');
    pool.run(batchOf(32), () => undefined);
    warming?.step();
    expect(pool.freeInstances).toBe(0);
    const other = started.find(({ phase }) => phase === 'running');
    expect(other?.rows).toBe(32);
    other?.step();
    expect(other?.rows).toBe(8);
    other?.step();
    expect(applied).toEqual([null, null]);
    expect(pool.freeInstances).toBe(2);
    expect(pool.warmSizeFor(3)).toBe(8);
  });

  it('forget a size for which they were being warmed up when it changed', () => {
    const { pool, clock, started, first, apply } = setUpForgetful();
    apply({ instances: 2, batchSize: 8, config: configOf(4) });
    stepAll(started, 2);
    first.die(fault('gone'));
    clock.runUntil(200);
    const replacement = started.at(-1);
    replacement?.step();
    expect(replacement?.rows).toBe(8);
    apply({ instances: 2, batchSize: 32, config: configOf(4) });
    stepAll(started, 4);
    expect(pool.freeInstances).toBe(2);
    for (let i = 0; i < 2; i += 1) {
      expect(pool.warmSizeFor(5)).toBe(32);
      pool.run(batchOf(32), () => undefined);
    }
  });

  it('are not warmed up again for a change of their number alone', () => {
    const { first, applied, apply } = setUpForgetful();
    apply({ instances: 1, batchSize: 8, config: configOf(4) });
    first.step();
    apply({ instances: 1, batchSize: 8, config: configOf(4) });
    expect(applied).toEqual([null, null]);
  });
});

describe('resizing', () => {
  it('warms newcomers before they count and reports when all is in effect', () => {
    const { pool, started, applied, apply, states } = setUp();
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    expect(states()).toBe('idle loading loading');
    stepAll(started, 1);
    expect(states()).toBe('idle warming warming');
    expect(pool.freeInstances).toBe(1);
    stepAll(started, 1);
    expect(pool.freeInstances).toBe(3);
    expect(applied).toEqual([null]);
  });

  it('warms serving instances one at a time, when they are idle', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    pool.run(batchOf(1), () => undefined);
    apply({ instances: 2, batchSize: 8, config: configOf(4) });
    const [a, b] = started as [FakeInstance, FakeInstance];
    expect([a.rows, b.rows].toSorted()).toEqual([1, 8]);
    const busy = a.rows === 1 ? a : b;
    const warming = busy === a ? b : a;
    warming.step();
    expect(pool.freeInstances).toBe(1);
    expect(applied).toEqual([null]);
    busy.step();
    expect(busy.rows).toBe(8);
    busy.step();
    expect(applied).toEqual([null, null]);
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    expect(applied).toHaveLength(3);
  });

  it('finds the time to warm up an instance that is kept busy', () => {
    const { pool, first, applied, apply } = setUp();
    const loop = (): void => pool.run(batchOf(1), () => pool.freeInstances > 0 && loop());
    loop();
    first.step();
    apply({ instances: 1, batchSize: 8, config: configOf(4) });
    first.step();
    expect(first.rows).toBe(8);
    first.step();
    expect(applied).toEqual([null]);
  });

  it('keeps all but one serving while they are warmed up', () => {
    const { pool, started, apply } = setUp();
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    stepAll(started, 2);
    apply({ instances: 3, batchSize: 8, config: configOf(4) });
    for (let i = 0; i < 3; i += 1) {
      expect(pool.freeInstances).toBe(2);
      const warming = started.find(({ phase }) => phase === 'running');
      pool.run(batchOf(1), () => undefined);
      started.find((other) => other.phase === 'running' && other !== warming)?.step();
      expect(pool.freeInstances).toBe(2);
      warming?.step();
    }
    expect(pool.freeInstances).toBe(3);
  });

  it('warms half of many at a time, so that a change does not take one warm-up after the other', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 8, batchSize: 1, config: configOf(4) });
    stepAll(started, 4);
    expect(pool.freeInstances).toBe(8);
    apply({ instances: 8, batchSize: 8, config: configOf(4) });
    for (let round = 0; round < 2; round += 1) {
      const warming = started.filter(({ phase }) => phase === 'running');
      expect(warming).toHaveLength(4);
      expect(pool.freeInstances).toBe(4);
      for (const instance of warming) instance.step();
    }
    expect(applied).toEqual([null, null]);
  });

  it('keeps half of those that serve at it when their number grows with the batch', () => {
    const { pool, started, apply } = setUp();
    apply({ instances: 2, batchSize: 8, config: configOf(4) });
    stepAll(started, 2);
    apply({ instances: 8, batchSize: 32, config: configOf(4) });
    expect(pool.freeInstances).toBe(1);
  });

  it('replaces instances of another configuration without a gap', () => {
    const { pool, started, first, applied, apply, states } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(2) });
    expect(states()).toBe('idle loading loading');
    started[1]?.step();
    started[1]?.step();
    expect(first.retiring).toBe(false);
    pool.run(batchOf(1), () => undefined);
    pool.run(batchOf(1), () => undefined);
    started[2]?.step();
    started[2]?.step();
    expect(first.retiring).toBe(true);
    expect(applied).toEqual([]);
    stepAll(started, 2);
    expect(applied).toEqual([null]);
    expect(states()).toBe('idle idle');
  });

  it('shrinks by what is idle first and waits for the last run', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    pool.run(batchOf(1), () => undefined);
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    const retiring = started.filter((instance) => instance.retiring);
    expect(retiring.map(({ phase }) => phase)).toEqual(['ready']);
    expect(applied).toEqual([null]);
    retiring[0]?.step();
    expect(applied).toEqual([null, null]);
  });

  it('does not hand an instance out again that is to go after its run', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    const free: number[] = [];
    pool.run(batchOf(1), () => free.push(pool.freeInstances));
    pool.run(batchOf(1), () => free.push(pool.freeInstances));
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    stepAll(started, 1);
    expect(free.toSorted()).toEqual([0, 1]);
    stepAll(started, 1);
    expect(applied).toEqual([null, null]);
  });
});

describe('closing', () => {
  it('lets runs end, and loading too', () => {
    const { pool, started, applied, apply } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    let closed = false;
    pool.close(() => (closed = true));
    expect(applied.map((error) => error?.code)).toEqual(['cancelled']);
    expect(closed).toBe(false);
    stepAll(started, 2);
    expect(outcomes).toEqual(['done']);
    expect(closed).toBe(true);
  });

  it('does not wait for a run past its limit', () => {
    const { pool, clock } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    let closed = false;
    pool.close(() => (closed = true));
    clock.runUntil(4999);
    expect(closed).toBe(false);
    clock.runUntil(5000);
    expect(closed).toBe(true);
    expect(outcomes).toEqual(['timed-out']);
  });
});

describe('whatever happens', () => {
  it('every batch ends once, every change is answered, and members come to agree with the target', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('step'), which: fc.nat(9) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('run'), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('die'), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail'), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass'), which: fc.nat(300) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('apply'),
          which: fc.nat(3),
          batchSize: fc.constantFrom(1, 4, 32),
          threads: fc.constantFrom(1, 2),
        }),
      },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const { pool, clock, started, applied, apply } = setUp();
        let asked = 0;
        let runs = 0;
        let ended = 0;
        const living = (): FakeInstance[] => started.filter(({ phase }) => phase !== 'ended');
        const pick = (which: number): FakeInstance | undefined =>
          living()[which % Math.max(1, living().length)];
        for (const happening of events) {
          if (happening.kind === 'step') pick(happening.which)?.step();
          else if (happening.kind === 'die') pick(happening.which)?.die(fault('died'));
          else if (happening.kind === 'pass') clock.runUntil(clock.nowMs() + happening.which);
          else if (happening.kind === 'fail') {
            const running = living().find(({ phase }) => phase === 'running');
            running?.failRun(fault('failed'));
          } else if (
            happening.kind === 'run' &&
            (pool.freeInstances > 0 || pool.prefetchRoom > 0)
          ) {
            runs += 1;
            pool.run(batchOf(1), () => (ended += 1));
          } else if ('batchSize' in happening && applied.length === asked) {
            asked += 1;
            const { which, batchSize, threads } = happening;
            apply({ instances: which + 1, batchSize, config: configOf(threads) });
          }
        }
        for (let i = 0; i < 200; i += 1) {
          for (const instance of living()) instance.step();
          clock.runUntil(clock.nowMs() + 100);
        }
        expect(ended).toBe(runs);
        expect(applied).toHaveLength(asked);
        const { instances, config } = pool.target;
        expect(pool.freeInstances).toBe(instances);
        expect(living()).toHaveLength(instances);
        expect(living().every((instance) => instance.config.threads === config.threads)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
