import { describe, expect, it } from 'vitest';
import { estimateCurve } from './estimate-curve.ts';
import { fillTable } from './fill-table.ts';
import { parseLatencyTable } from './latency-table.ts';
import type { TableRow } from './latency-table.ts';
import { estimationMethods, leaveOneOut } from './leave-one-out.ts';

const table = parseLatencyTable(
  `name,1,2,3,4
a,10,11,15,20
b,20,22,31,40
c,5,6,8,10
d,9,10,13,18
`,
  'table',
);

describe('leaveOneOut', () => {
  it.each(estimationMethods)('compares what %s estimates with what was measured', (method) => {
    const report = leaveOneOut(table, { observe: [4, 1], method });
    expect(report.observe).toEqual([1, 4]);
    expect(report.rows.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
    for (const { estimatesMs, measuredMs, errorPercent } of report.rows) {
      const errors = [1, 2].map((i) => {
        const measured = measuredMs[i] as number;
        return Math.abs((estimatesMs[i] as number) - measured) / measured;
      });
      expect(errorPercent).toBeCloseTo(50 * ((errors[0] as number) + (errors[1] as number)), 9);
      expect([estimatesMs[0], estimatesMs[3]]).toEqual([measuredMs[0], measuredMs[3]]);
    }
    const mean = report.rows.reduce((sum, { errorPercent }) => sum + errorPercent, 0) / 4;
    expect(report.meanErrorPercent).toBeCloseTo(mean, 9);
  });

  it('learns from the other rows only, and not from the group of the row left out', () => {
    const [first, ...others] = table.rows as [TableRow, ...TableRow[]];
    const observed = new Map([
      [1, 10],
      [4, 20],
    ]);
    const options = { observe: [1, 4], method: 'default' as const };
    const expected = estimateCurve(observed, table.instances, others);
    expect(leaveOneOut(table, options).rows[0]?.estimatesMs).toEqual(expected);
    const grouped = leaveOneOut(table, {
      ...options,
      groupOf: ({ name }) => (name === 'd' ? name : 'rest'),
    });
    const alone = estimateCurve(observed, table.instances, [others[2] as TableRow]);
    expect(grouped.rows[0]?.name).toBe(first.name);
    expect(grouped.rows[0]?.estimatesMs).toEqual(alone);
  });

  it('judges by measured cells, and passes over rows it cannot judge', () => {
    const sparse = parseLatencyTable('name,1,2,3\na,1,,3\nb,2,4,6\nc,3,6,\nd,1,3,', 'sparse');
    const report = leaveOneOut(sparse, { observe: [1, 2], method: 'default' });
    expect(report.rows.map(({ name }) => name)).toEqual(['b']);
    expect(report.notes).toHaveLength(3);
    expect(report.notes[0]).toMatch(/^a was not judged/);
    const holes = leaveOneOut(sparse, { observe: [1], method: 'default' });
    expect(holes.rows[0]?.measuredMs).toEqual([1, null, 3]);
    // Weighted by cells: b has two to judge, the others one each.
    const errors = holes.rows.map(({ errorPercent }) => errorPercent) as [
      number,
      number,
      number,
      number,
    ];
    const mean = (errors[0] + 2 * errors[1] + errors[2] + errors[3]) / 5;
    expect(holes.meanErrorPercent).toBeCloseTo(mean, 9);
  });

  it.each([
    [[1, 8], /one of the table's columns \(1, 2, 3, 4\); received 8/],
    [[], /must be at least one/],
    [[1, 2, 3, 4], /must leave a column of the table to estimate/],
  ])('rejects observing at %j', (observe, message) => {
    expect(() => leaveOneOut(table, { observe, method: 'default' })).toThrow(message);
  });

  it('takes the law when a table has one row, where completion cannot begin', () => {
    const one = parseLatencyTable('name,1,2,3,4\na,10,11,15,20', 'one');
    const options = { observe: [1, 4] };
    const { rows } = leaveOneOut(one, { ...options, method: 'default' });
    expect(rows[0]?.estimatesMs.slice(1, 3)).toEqual(
      [10, 15].map((ms) => expect.closeTo(ms, 9) as unknown),
    );
    expect(() => leaveOneOut(one, { ...options, method: 'nuclear' })).toThrow(
      /must hold a network/,
    );
  });
});

describe('fillTable', () => {
  const holed = parseLatencyTable('name,1,2,3,4\na,10,11,15,20\nb,20,,,40\nc,5,6,8,10', 'holed');

  it.each(estimationMethods)('estimates what is missing by %s and keeps what is not', (method) => {
    const { rows } = fillTable(holed, { method });
    expect(rows.map(({ name, estimated }) => [name, estimated])).toEqual([
      ['a', []],
      ['b', [2, 3]],
      ['c', []],
    ]);
    expect(rows[0]?.latenciesMs).toEqual([10, 11, 15, 20]);
    const [at1, at2, at3, at4] = rows[1]?.latenciesMs as [number, number, number, number];
    expect([at1, at4]).toEqual([20, 40]);
    expect(at2).toBeGreaterThan(10);
    expect(at2).toBeLessThan(at3);
    expect(at3).toBeLessThan(36);
  });

  it('learns from a library besides the table', () => {
    const alone = parseLatencyTable('name,1,2,3,4\nb,20,,,40', 'alone');
    const library = [{ name: 'sum', cells: new Map([1, 2, 3, 4].map((n) => [n, 40 + 20 * n])) }];
    const [law, learned] = [[], library].map(
      (rows) => fillTable(alone, { method: 'default', library: rows }).rows[0]?.latenciesMs[2],
    );
    expect(law).toBeCloseTo(30, 6);
    expect(learned).toBeGreaterThan(32);
  });

  it('says so when nothing is missing', () => {
    expect(() => fillTable(table, { method: 'default' })).toThrow(
      /no cell of the table is missing/,
    );
  });
});
