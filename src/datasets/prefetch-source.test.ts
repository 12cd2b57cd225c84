import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { PrefetchSource, type PrefetchOptions } from './prefetch-source.ts';

/** Loads that end only when told to. */
class ManualLoads {
  readonly started: number[] = [];
  readonly #pending = new Map<number, { resolve(row: string): void; reject(e: Error): void }>();

  get inFlight(): number {
    return this.#pending.size;
  }

  get items(): number[] {
    return [...this.#pending.keys()];
  }

  readonly load = (item: number): Promise<string> => {
    this.started.push(item);
    return new Promise((resolve, reject) => {
      this.#pending.set(item, { resolve, reject });
    });
  };

  async end(item: number): Promise<void> {
    const load = this.#pending.get(item);
    this.#pending.delete(item);
    load?.resolve(`row ${item}`);
    await settled();
  }

  async fail(item: number): Promise<void> {
    const load = this.#pending.get(item);
    this.#pending.delete(item);
    load?.reject(new Error(`broken ${item}`));
    await settled();
  }
}

/** After the reactions of promises that are settled now. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function open(
  load: (item: number) => Promise<string>,
  change: Partial<PrefetchOptions<string>> = {},
): PrefetchSource<string> {
  return new PrefetchSource<string>({
    what: 'things',
    items: 10,
    load,
    nameOf: (item) => `thing-${item}`,
    reasonOf: (error) => (error as Error).message,
    random: new Random(1),
    aheadRows: 4,
    loadsInFlight: 2,
    cacheRows: 0,
    ...change,
  });
}

/** Takes `count` rows, waiting where none is ready. */
async function takeRows(source: PrefetchSource<string>, count: number): Promise<string[]> {
  const rows: string[] = [];
  while (rows.length < count && source.failure === null) {
    const row = source.take();
    if (row !== undefined) rows.push(row);
    else await new Promise<void>((resolve) => source.whenAvailable(resolve));
  }
  return rows;
}

const instantly = (item: number): Promise<string> => Promise.resolve(`row ${item}`);

describe('PrefetchSource', () => {
  it('loads side by side up to its limit, and ahead up to its limit, then stops', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load);
    expect(loads.inFlight).toBe(2);
    while (loads.inFlight > 0) await loads.end(loads.items[0] as number);
    expect(loads.started).toHaveLength(4);
    source.take();
    expect(loads.started).toHaveLength(5);
  });

  it('hands rows out in its own order, whichever load ends first', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load);
    const [first, second] = loads.started as [number, number];
    await loads.end(second);
    expect(source.take()).toBeUndefined();
    await loads.end(first);
    expect(source.take()).toBe(`row ${first}`);
    expect(source.take()).toBe(`row ${second}`);
  });

  it('calls back once when a row is ready, and at once when one is there', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load);
    let fired = 0;
    const count = (): void => {
      fired += 1;
    };
    source.whenAvailable(count);
    expect(fired).toBe(0);
    await loads.end(loads.started[0] as number);
    await loads.end(loads.started[1] as number);
    expect(fired).toBe(1);
    source.whenAvailable(count);
    expect(fired).toBe(2);
  });

  it('goes through every item once a round, in an order that changes from round to round', async () => {
    const rows = await takeRows(open(instantly), 30);
    const rounds = [rows.slice(0, 10), rows.slice(10, 20), rows.slice(20)];
    for (const round of rounds) expect(new Set(round).size).toBe(10);
    expect(rounds[0]).not.toEqual(rounds[1]);
    expect(rounds[1]).not.toEqual(rounds[2]);
  });

  it('gives the same rows for the same seed, whatever the limits, the cache and bad items', async () => {
    const load = (item: number): Promise<string> =>
      item % 4 === 0 ? Promise.reject(new Error('bad')) : instantly(item);
    const sequence = (change: Partial<PrefetchOptions<string>>): Promise<string[]> =>
      takeRows(open(load, change), 50);
    const expected = await sequence({ random: new Random(7) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
        async (aheadRows, loadsInFlight, cacheRows) => {
          const random = new Random(7);
          const rows = await sequence({ random, aheadRows, loadsInFlight, cacheRows });
          expect(rows).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
    expect(await sequence({ random: new Random(8) })).not.toEqual(expected);
  });

  it('loads each item once when all of them fit in the cache, and then never waits', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load, { items: 3, cacheRows: 3 });
    while (loads.inFlight > 0) await loads.end(loads.items[0] as number);
    const rows = Array.from({ length: 90 }, () => source.take());
    expect(rows).not.toContain(undefined);
    expect(loads.started).toHaveLength(3);
    expect(source.stats).toMatchObject({ decoded: 3, cached: 87, starved: 0 });
  });

  it('shares a load among the rows that wait for the same item', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load, { items: 1, loadsInFlight: 4 });
    expect(loads.started).toEqual([0]);
    await loads.end(0);
    expect(Array.from({ length: 4 }, () => source.take())).not.toContain(undefined);
    expect(source.stats).toMatchObject({ decoded: 1, cached: 3 });
  });

  it('keeps no more rows than its cache may hold', async () => {
    let loaded = 0;
    const load = (item: number): Promise<string> => {
      loaded += 1;
      return instantly(item);
    };
    // With one row ahead no item is twice in the queue, so only the cache saves a load.
    const source = open(load, { cacheRows: 4, aheadRows: 1 });
    await takeRows(source, 100);
    await settled();
    expect(source.stats.cached).toBe(36); // 4 of 10 items, in 9 of 10 rounds
    expect(loaded).toBeGreaterThanOrEqual(64);
    expect(loaded).toBeLessThanOrEqual(65);
  });

  it('never has more rows and loads outstanding than its limits allow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 60 }),
        async (aheadRows, loadsInFlight, moves) => {
          const loads = new ManualLoads();
          const source = open(loads.load, { aheadRows, loadsInFlight });
          let taken = 0;
          let failed = 0;
          for (const move of moves) {
            const item = loads.items[move % Math.max(1, loads.inFlight)];
            if (move % 3 === 0) taken += source.take() === undefined ? 0 : 1;
            else if (item !== undefined && move % 7 !== 0) await loads.end(item);
            else if (item !== undefined && failed < 9) {
              await loads.fail(item);
              failed += 1;
            }
            expect(loads.inFlight).toBeLessThanOrEqual(loadsInFlight);
            const { decoded, cached, skipped } = source.stats;
            expect(skipped).toBe(failed);
            expect(loads.inFlight + decoded - (taken - cached)).toBeLessThanOrEqual(aheadRows);
          }
          await Promise.all(loads.items.map((item) => loads.end(item)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('counts a take that found nothing', () => {
    const source = open(new ManualLoads().load);
    source.take();
    source.take();
    expect(source.stats.starved).toBe(2);
  });

  it('skips what cannot be loaded, counts it once, and names it', async () => {
    const load = (item: number): Promise<string> =>
      item === 3 ? Promise.reject(new Error('torn')) : instantly(item);
    const source = open(load);
    const rows = await takeRows(source, 45);
    expect(rows).not.toContain('row 3');
    expect(new Set(rows).size).toBe(9);
    expect(source.stats.skipped).toBe(1);
    expect(source.stats.skippedExamples).toEqual([{ name: 'thing-3', reason: 'torn' }]);
  });

  it('names only the first of many that were skipped', async () => {
    const load = (item: number): Promise<string> =>
      item > 0 ? Promise.reject(new Error('torn')) : instantly(item);
    const source = open(load, { items: 60 });
    await takeRows(source, 70);
    expect(source.stats.skipped).toBe(59);
    expect(source.stats.skippedExamples).toHaveLength(20);
  });

  it('fails when nothing can be loaded, and wakes those who wait', async () => {
    const source = open(() => Promise.reject(new Error('torn')), { items: 3 });
    expect(await takeRows(source, 1)).toEqual([]);
    expect(source.failure?.code).toBe('invalid-argument');
    expect(source.failure?.message).toMatch(/^none of the 3 things can be read; thing-\d: torn$/);
    expect(source.take()).toBeUndefined();
    let fired = false;
    source.whenAvailable(() => {
      fired = true;
    });
    expect(fired).toBe(false);
    await source.close();
  });

  it('does not take an error of its consumer for a bad item', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load);
    // The error surfaces as an unhandled rejection, which the test runner would take for its own.
    const runners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const unhandled = new Promise((resolve) => process.once('unhandledRejection', resolve));
    source.whenAvailable(() => {
      throw new Error('of the consumer');
    });
    await loads.end(loads.started[0] as number);
    expect(await unhandled).toMatchObject({ message: 'of the consumer' });
    for (const runner of runners) process.on('unhandledRejection', runner);
    expect(source.stats).toMatchObject({ decoded: 1, skipped: 0 });
  });

  it('closes once the loads under way have ended, and starts no more', async () => {
    const loads = new ManualLoads();
    const source = open(loads.load);
    let woken = 0;
    source.whenAvailable(() => {
      woken += 1;
    });
    let closed = 0;
    void source.close().then(() => (closed += 1));
    void source.close().then(() => (closed += 1));
    expect(woken).toBe(1);
    const [first, second] = loads.started as [number, number];
    await loads.end(first);
    expect(closed).toBe(0);
    await loads.fail(second);
    expect(closed).toBe(2);
    expect(loads.started).toHaveLength(2);
    expect(source.take()).toBeUndefined();
    expect(source.failure).toBeNull();
    expect(source.stats.skipped).toBe(0);
  });

  it.each(['items', 'aheadRows', 'loadsInFlight'] as const)('refuses %s of 0', (name) => {
    expect(() => open(instantly, { [name]: 0 })).toThrow(
      `${name} must be a whole number of at least 1; received 0`,
    );
  });
});
