import { describe, expect, it } from 'vitest';
import type { RunOutcome } from '../engines/engine.ts';
import type { OperatingPoint } from '../operating-point.ts';
import type { SimulatedEngineOptions } from './simulated-engine.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { VirtualClock } from './virtual-clock.ts';

class Bench {
  readonly clock = new VirtualClock();
  readonly engine: SimulatedEngine<number>;
  readonly reached: { atMs: number; point: OperatingPoint }[] = [];
  readonly ended: { atMs: number; outcome: RunOutcome<number>['kind']; replies: number[] }[] = [];
  capacityCalls = 0;

  constructor(options: Partial<SimulatedEngineOptions<number>> = {}) {
    this.engine = new SimulatedEngine<number>({
      name: 'bench',
      clock: this.clock,
      law: (rows, busy) => 10 * rows * busy,
      maxBatchSize: 16,
      maxInstances: 4,
      ...options,
    });
    this.engine.listen({
      onCapacity: () => (this.capacityCalls += 1),
      onHealth: () => undefined,
    });
  }

  apply(batchSize: number, instances: number): this {
    this.engine.apply({ batchSize, instances }, (error, point) => {
      expect(error).toBeNull();
      this.reached.push({ atMs: this.clock.nowMs(), point });
    });
    this.clock.runUntil(this.clock.nowMs());
    return this;
  }

  run(...rows: number[]): this {
    this.engine.run(rows, (outcome) => {
      const replies =
        outcome.kind === 'done' ? rows.map((_, index) => outcome.replies.replyAt(index)) : [];
      this.ended.push({ atMs: this.clock.nowMs(), outcome: outcome.kind, replies });
    });
    return this;
  }
}

describe('SimulatedEngine', () => {
  it('takes as long as the law says for the rows and for the instances that are busy', () => {
    const bench = new Bench().apply(4, 2).run(1, 2).run(3);
    bench.clock.runUntil(100);
    expect(bench.ended).toEqual([
      { atMs: 20, outcome: 'done', replies: [1, 2] },
      { atMs: 20, outcome: 'done', replies: [3] },
    ]);
  });

  it('counts its free instances and refuses a call when none is', () => {
    const bench = new Bench().apply(1, 2);
    expect(bench.engine.freeInstances).toBe(2);
    bench.run(1).run(2);
    expect(bench.engine.freeInstances).toBe(0);
    expect(() => bench.run(3)).toThrow('no instance is free');
    bench.clock.runUntil(1000);
    expect(bench.engine.freeInstances).toBe(2);
  });

  it('reaches no more than its limits and what its machine allows', () => {
    const bench = new Bench({ reachableInstances: 3 }).apply(99, 99).apply(0, 0);
    expect(bench.reached.map(({ point }) => point)).toEqual([
      { batchSize: 16, instances: 3 },
      { batchSize: 1, instances: 1 },
    ]);
  });

  it('takes time to start instances, and says when they are there', () => {
    const bench = new Bench({ startMs: 500 }).apply(1, 2);
    expect(bench.engine.freeInstances).toBe(0);
    bench.clock.runUntil(499);
    expect(bench.reached).toEqual([]);
    bench.clock.runUntil(500);
    expect(bench.reached).toEqual([{ atMs: 500, point: { batchSize: 1, instances: 2 } }]);
    expect([bench.engine.freeInstances, bench.capacityCalls]).toEqual([2, 1]);
    bench.apply(4, 2);
    expect(bench.reached.at(-1)?.atMs).toBe(500);
  });

  it('drains the instances that it takes away: no call is cut short', () => {
    const bench = new Bench().apply(1, 3).run(1).run(2).run(3).apply(1, 1);
    expect(bench.reached).toHaveLength(1);
    bench.clock.runUntil(10_000);
    expect(bench.reached.at(-1)?.point.instances).toBe(1);
    expect(bench.ended.map(({ replies }) => replies)).toEqual([[1], [2], [3]]);
    expect(bench.engine.freeInstances).toBe(1);
  });

  it('takes idle instances away at once, before busy ones', () => {
    const bench = new Bench().apply(1, 3).run(1).apply(1, 1);
    expect(bench.reached).toHaveLength(2);
    bench.clock.runUntil(1000);
    expect(bench.ended.map(({ outcome }) => outcome)).toEqual(['done']);
    expect(bench.engine.freeInstances).toBe(1);
  });

  it('slows the first call of each instance after a change', () => {
    const bench = new Bench({ firstCallFactor: 2 }).apply(1, 1).run(1);
    bench.clock.runUntil(1000);
    bench.run(2);
    bench.clock.runUntil(2000);
    bench.apply(2, 1).run(3);
    bench.clock.runUntil(3000);
    expect(bench.ended.map(({ atMs }) => atMs)).toEqual([20, 1010, 2020]);
  });

  it('loses an instance under a deadly row, and gets it back', () => {
    const bench = new Bench({ isDeadly: (row) => row === 13, restartMs: 300 });
    bench.apply(4, 1).run(12, 13);
    bench.clock.runUntil(10);
    expect(bench.ended).toEqual([{ atMs: 10, outcome: 'instance-lost', replies: [] }]);
    expect(bench.engine.freeInstances).toBe(0);
    bench.clock.runUntil(310);
    expect(bench.engine.freeInstances).toBe(1);
    expect(bench.capacityCalls).toBe(2);
  });

  it('gives a hung call up at its limit', () => {
    const bench = new Bench({ hangChance: 1, runLimitMs: 700, restartMs: 300 }).apply(1, 1).run(1);
    bench.clock.runUntil(999);
    expect(bench.ended).toEqual([{ atMs: 700, outcome: 'timed-out', replies: [] }]);
    expect(bench.engine.freeInstances).toBe(0);
    bench.clock.runUntil(1000);
    expect(bench.engine.freeInstances).toBe(1);
  });

  it('does not bring back an instance that was taken away while it was down', () => {
    const bench = new Bench({ isDeadly: (row) => row === 13, restartMs: 300 });
    bench.apply(1, 2).run(13);
    bench.clock.runUntil(10);
    bench.apply(1, 1);
    bench.clock.runUntil(1000);
    expect(bench.engine.freeInstances).toBe(1);
    bench.apply(1, 2);
    expect(bench.engine.freeInstances).toBe(2);
  });

  it('ends a resize when the busy instance that it waits for dies', () => {
    const bench = new Bench({ isDeadly: (row) => row === 13, restartMs: 300 });
    bench.apply(1, 2).run(13).run(13).apply(1, 1);
    bench.clock.runUntil(5000);
    expect(bench.reached.at(-1)?.point.instances).toBe(1);
    expect(bench.engine.freeInstances).toBe(1);
  });

  it('repeats itself for a seed, and not for another', () => {
    const endings = (seed: number): number[] => {
      const bench = new Bench({ seed, noiseSigma: 0.2 }).apply(1, 1);
      for (let i = 0; i < 5; i += 1) {
        bench.run(i);
        bench.clock.runUntil(bench.clock.nowMs() + 1000);
      }
      return bench.ended.map(({ atMs }) => atMs);
    };
    expect(endings(1)).toEqual(endings(1));
    expect(endings(1)).not.toEqual(endings(2));
  });

  it('drifts as it is told', () => {
    const bench = new Bench({ slowdownAt: (nowMs) => (nowMs < 100 ? 1 : 1.5) }).apply(1, 1);
    bench.run(1);
    bench.clock.runUntil(100);
    bench.run(2);
    bench.clock.runUntil(200);
    expect(bench.ended.map(({ atMs }) => atMs)).toEqual([10, 115]);
  });
});
