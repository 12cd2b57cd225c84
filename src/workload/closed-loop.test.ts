import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import { ClosedLoop } from './closed-loop.ts';
import type { RowSource } from './row-source.ts';
import { syntheticSource } from './row-source.ts';

/** Has the rows that it is given, and ends when told. */
class TestSource implements RowSource<number> {
  readonly rows: number[] = [];
  failure: DnnScalerError | null = null;
  readonly stats = { decoded: 0, cached: 0, starved: 0, skipped: 0, skippedExamples: [] };
  #waiters: (() => void)[] = [];
  #ended = false;

  take(): number | undefined {
    return this.rows.shift();
  }

  whenAvailable(fire: () => void): void {
    if (this.rows.length > 0) fire();
    else if (!this.#ended) this.#waiters.push(fire);
  }

  give(...rows: number[]): void {
    this.rows.push(...rows);
    for (const fire of this.#waiters.splice(0)) fire();
  }

  end(failure: DnnScalerError | null): void {
    this.failure = failure;
    this.#ended = true;
    for (const fire of this.#waiters.splice(0)) fire();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Submitted {
  readonly row: number;
  readonly settle: () => void;
}

function loopOver(source: RowSource<number>) {
  const submitted: Submitted[] = [];
  const starvedWith: (DnnScalerError | null)[] = [];
  const loop = new ClosedLoop(
    source,
    (row, settle) => submitted.push({ row, settle }),
    () => starvedWith.push(source.failure),
  );
  return { loop, submitted, starvedWith };
}

describe('ClosedLoop', () => {
  it('keeps as many rows outstanding as it is told, each answer followed by the next row', () => {
    const { loop, submitted } = loopOver(syntheticSource((index) => index, { distinct: 100 }));
    loop.setOutstanding(3);
    expect(submitted.map(({ row }) => row)).toEqual([0, 1, 2]);
    submitted[1]?.settle();
    expect(submitted.map(({ row }) => row)).toEqual([0, 1, 2, 3]);
    expect(loop.outstanding).toBe(3);
  });

  it('goes down as rows are answered, and up at once', () => {
    const { loop, submitted } = loopOver(syntheticSource((index) => index));
    loop.setOutstanding(4);
    loop.setOutstanding(2);
    submitted[0]?.settle();
    submitted[1]?.settle();
    expect([submitted.length, loop.outstanding]).toEqual([4, 2]);
    submitted[2]?.settle();
    expect([submitted.length, loop.outstanding]).toEqual([5, 2]);
    loop.setOutstanding(6);
    expect([submitted.length, loop.outstanding]).toEqual([9, 6]);
  });

  it('submits nothing once stopped, and lets what is outstanding be answered', () => {
    const source = new TestSource();
    const { loop, submitted } = loopOver(source);
    source.give(1);
    loop.setOutstanding(2);
    loop.stop();
    submitted[0]?.settle();
    source.give(2);
    loop.setOutstanding(5);
    expect([submitted.length, loop.outstanding]).toEqual([1, 0]);
  });

  it('waits for a source that has no row ready, and fills up when it has', () => {
    const source = new TestSource();
    const { loop, submitted, starvedWith } = loopOver(source);
    loop.setOutstanding(3);
    expect(starvedWith).toEqual([null]);
    source.give(1, 2);
    expect(submitted.map(({ row }) => row)).toEqual([1, 2]);
    submitted[0]?.settle();
    source.give(3, 4, 5);
    expect(submitted.map(({ row }) => row)).toEqual([1, 2, 3, 4]);
    expect(loop.outstanding).toBe(3);
  });

  it('says so when a source that ends leaves it without rows', () => {
    const source = new TestSource();
    const { loop, submitted, starvedWith } = loopOver(source);
    source.give(1);
    loop.setOutstanding(2);
    const failure = new DnnScalerError('invalid-argument', 'none can be read');
    source.end(failure);
    expect(starvedWith).toEqual([null, failure]);
    submitted[0]?.settle();
    expect(loop.outstanding).toBe(0);
  });
});
