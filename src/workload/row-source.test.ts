import { describe, expect, it } from 'vitest';
import { syntheticSource } from './row-source.ts';

describe('syntheticSource', () => {
  it('makes its rows beforehand and hands them out in turn', () => {
    const made: number[] = [];
    const source = syntheticSource(
      (index) => {
        made.push(index);
        return { index };
      },
      { distinct: 3 },
    );
    expect(made).toEqual([0, 1, 2]);
    const rows = Array.from({ length: 7 }, () => source.take());
    expect(rows.map((row) => row?.index)).toEqual([0, 1, 2, 0, 1, 2, 0]);
    expect(rows[3]).toBe(rows[0]);
    expect(made).toHaveLength(3);
  });

  it('counts rows handed out again as cached', () => {
    const source = syntheticSource((index) => index, { distinct: 2 });
    source.take();
    expect(source.stats).toMatchObject({ decoded: 2, cached: 0, starved: 0, skipped: 0 });
    for (let i = 0; i < 4; i += 1) source.take();
    expect(source.stats.cached).toBe(3);
  });

  it('is available at once, until it is closed', async () => {
    const source = syntheticSource((index) => index);
    let fired = 0;
    const count = (): void => {
      fired += 1;
    };
    source.whenAvailable(count);
    expect(fired).toBe(1);
    await source.close();
    await source.close();
    source.whenAvailable(count);
    expect(fired).toBe(1);
    expect(source.take()).toBeUndefined();
    expect(source.failure).toBeNull();
  });

  it.each([0, -1, 1.5, NaN])('refuses %s distinct rows', (distinct) => {
    expect(() => syntheticSource((index) => index, { distinct })).toThrow(
      /distinct must be a positive integer; received/,
    );
  });
});
