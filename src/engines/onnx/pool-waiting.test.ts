import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import { batchOf, configOf, fault, setUpPool } from './testing/fake-instance.ts';
import type { FakeInstance } from './testing/fake-instance.ts';

const setUp = (): ReturnType<typeof setUpPool<VirtualClock>> =>
  setUpPool({ clock: new VirtualClock() });

describe('batches that wait at an instance', () => {
  it('go to the one that began first, and make it go on without a pause', () => {
    const { pool, started, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    for (let i = 0; i < 2; i += 1) for (const instance of started) instance.step();
    const said: string[] = [];
    const run = (name: string): void =>
      pool.run(
        batchOf(1),
        ({ kind }) => said.push(`${name} ${kind}`),
        () => said.push(`${name} started`),
      );
    expect(pool.prefetchRoom).toBe(0);
    run('a');
    run('b');
    expect([pool.freeInstances, pool.prefetchRoom]).toEqual([0, 2]);
    run('c');
    expect(pool.prefetchRoom).toBe(1);
    // The last to become free ran first.
    const [second, first] = started as [FakeInstance, FakeInstance];
    expect([first.held, second.held]).toEqual([2, 1]);
    first.step();
    expect(said).toEqual(['c started', 'a done']);
    expect([pool.freeInstances, pool.prefetchRoom]).toEqual([0, 2]);
    first.step();
    expect(said.slice(2)).toEqual(['c done']);
    expect([pool.freeInstances, pool.prefetchRoom]).toEqual([1, 1]);
  });

  it('are not taken while a change is under way, which waits for those that are there', () => {
    const { pool, first, applied, apply } = setUp();
    const ended: string[] = [];
    for (const name of ['a', 'b']) pool.run(batchOf(1), () => ended.push(name));
    apply({ instances: 1, batchSize: 8, config: configOf(4) });
    expect(pool.prefetchRoom).toBe(0);
    first.step();
    expect([ended, applied]).toEqual([['a'], []]);
    expect(pool.prefetchRoom).toBe(0);
    first.step();
    expect(ended).toEqual(['a', 'b']);
    expect(first.rows).toBe(8);
    first.step();
    expect(applied).toEqual([null]);
  });

  it('are lost with their instance, which takes no other while it goes', () => {
    const { pool, first } = setUp();
    const outcomes: string[] = [];
    const room: number[] = [];
    for (const name of ['a', 'b']) {
      pool.run(batchOf(1), ({ kind }) => {
        outcomes.push(`${name} ${kind}`);
        room.push(pool.freeInstances + pool.prefetchRoom);
      });
    }
    first.die(fault('died'));
    expect(outcomes).toEqual(['a instance-lost', 'b instance-lost']);
    expect(room).toEqual([0, 0]);
  });

  it('may run elsewhere when the run before them is given up', () => {
    const { pool, first } = setUp();
    const outcomes: string[] = [];
    for (let i = 0; i < 2; i += 1) pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    first.giveUp(fault('hangs'));
    expect(outcomes).toEqual(['timed-out', 'instance-lost']);
  });
});
