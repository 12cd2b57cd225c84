import { describe, expect, it } from 'vitest';
import { ManualEngine } from '../serving/test-support.ts';
import type { RunOutcome } from './engine.ts';
import { InlinePreprocessing } from './inline-preprocessing.ts';

/** An engine of numbers behind texts; preparations end when they are told to. */
function setUp(instances: number): {
  engine: ManualEngine<number>;
  inline: InlinePreprocessing<string, number, number>;
  /** Rows whose preparation has begun and not ended. */
  preparing: Map<string, (value: number | null) => void>;
  /** Ends one preparation and lets what follows happen. */
  end: (row: string, value: number | null) => Promise<void>;
  run: (...rows: string[]) => { outcome?: RunOutcome<number> };
} {
  const engine = new ManualEngine<number>();
  const preparing = new Map<string, (value: number | null) => void>();
  const inline = new InlinePreprocessing<string, number, number>({
    engine,
    prepare: (row) =>
      new Promise((resolve) => {
        preparing.set(row, (value) => {
          preparing.delete(row);
          resolve(value);
        });
      }),
    blank: -1,
  });
  inline.apply({ batchSize: 4, instances }, () => undefined);
  return {
    engine,
    inline,
    preparing,
    end: async (row, value) => {
      preparing.get(row)?.(value);
      await new Promise((resolve) => setImmediate(resolve));
    },
    run: (...rows) => {
      const call: { outcome?: RunOutcome<number> } = {};
      inline.run(rows, (outcome) => {
        call.outcome = outcome;
      });
      return call;
    },
  };
}

describe('InlinePreprocessing', () => {
  it('prepares the rows of a call one after the other, then runs them together', async () => {
    const { engine, preparing, end, run } = setUp(1);
    const call = run('a', 'b');
    expect([...preparing.keys()]).toEqual(['a']);
    await end('a', 1);
    expect([...preparing.keys()]).toEqual(['b']);
    expect(engine.running).toHaveLength(0);
    await end('b', 2);
    expect(engine.running[0]?.rows).toEqual([1, 2]);
    engine.running[0]?.answer();
    expect(call.outcome?.kind).toBe('done');
  });

  it('lets instances prepare side by side, and holds theirs meanwhile', () => {
    const { inline, preparing, run } = setUp(2);
    run('a', 'b');
    expect(inline.freeInstances).toBe(1);
    run('c', 'd');
    expect(inline.freeInstances).toBe(0);
    expect([...preparing.keys()]).toEqual(['a', 'c']);
  });

  it('runs a blank in place of a row that cannot be prepared', async () => {
    const { engine, end, run } = setUp(1);
    run('a');
    await end('a', null);
    expect(engine.running[0]?.rows).toEqual([-1]);
  });

  it('changes the point only when nothing is being prepared, and gives no instance out until then', async () => {
    const { engine, inline, end, run } = setUp(2);
    run('a');
    const before = engine.asked.length;
    let reached = 0;
    inline.apply({ batchSize: 1, instances: 1 }, (_error, { instances }) => {
      reached = instances;
    });
    expect(engine.asked).toHaveLength(before);
    expect(inline.freeInstances).toBe(0);
    await end('a', 1);
    expect(engine.running).toHaveLength(1);
    expect(engine.asked).toHaveLength(before + 1);
    expect(reached).toBe(1);
  });

  it('waits for an instance when its own was lost while it prepared', async () => {
    const { engine, inline, end, run } = setUp(1);
    inline.listen({ onCapacity: () => undefined, onHealth: () => undefined });
    run('a');
    engine.freeInstances = 0;
    await end('a', 1);
    expect(engine.running).toHaveLength(0);
    engine.revive();
    expect(engine.running).toHaveLength(1);
  });

  it('answers what it holds with an error when it is closed', async () => {
    const { engine, inline, end, run } = setUp(2);
    const waiting = run('a');
    engine.freeInstances = 0;
    await end('a', 1);
    const preparing = run('b');
    await inline.close();
    await end('b', 2);
    expect(waiting.outcome).toMatchObject({ kind: 'failed', error: { code: 'unavailable' } });
    expect(preparing.outcome).toMatchObject({ kind: 'failed', error: { code: 'unavailable' } });
    expect(engine.running).toHaveLength(0);
  });
});
