import fc from 'fast-check';
import { Matrix, SVD } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { completeMatrix } from './nuclear-norm.ts';

const missing = Number.NaN;

function nuclearNorm(rows: readonly (readonly number[])[]): number {
  const { diagonal } = new SVD(new Matrix(rows.map((row) => [...row])), { autoTranspose: true });
  return diagonal.reduce((sum, value) => sum + value, 0);
}

/** A matrix of positive cells with the given share of them missing, and at least one per row known. */
function withGaps(rows: number, columns: number, share: number, random: Random): number[][] {
  return Array.from({ length: rows }, () => {
    const kept = random.integer(columns);
    return Array.from({ length: columns }, (_, column) =>
      column !== kept && random.next() < share ? missing : 1 + 9 * random.next(),
    );
  });
}

describe('completeMatrix', () => {
  it('finds the missing cells of a matrix of rank one', () => {
    const profile = [1, 2, 4, 8, 3];
    const rows = [1, 3, 5, 2].map((factor) => profile.map((value) => factor * value));
    const open = [...rows, [7, missing, missing, 56, missing]];
    const completed = completeMatrix(open).at(-1) ?? [];
    [7, 14, 28, 56, 21].forEach((value, i) => {
      expect(completed[i]).toBeCloseTo(value, 3);
    });
  });

  it.each([
    ['more rows than columns', 14, 8, 0, 0.7],
    ['fewer rows than columns', 4, 10, 0, 0.7],
    ['a single complete row', 1, 6, 0, 0.7],
    ['gaps in all rows', 7, 5, 0.4, 0.4],
  ])('leaves no way to lower the norm, with %s', (_, known, columns, knownShare, openShare) => {
    const random = new Random(5);
    const rows = [
      ...withGaps(known, columns, knownShare, random),
      ...withGaps(1, columns, openShare, random),
    ];
    const completed = completeMatrix(rows);
    const least = nuclearNorm(completed);
    for (let trial = 0; trial < 200; trial += 1) {
      const size = 10 ** (-4 * random.next());
      const nudged = completed.map((row, i) =>
        row.map((v, j) => (Number.isNaN(rows[i]?.[j]) ? v + size * random.normal() : v)),
      );
      expect(nuclearNorm(nudged)).toBeGreaterThan(least * (1 - 1e-6));
    }
  });

  it('keeps known cells and fills the others with numbers, wherever the gaps are', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 0.8, noNaN: true }), (seed, share) => {
        const rows = withGaps(6, 5, share, new Random(seed));
        const completed = completeMatrix(rows);
        expect(completed.flat().every(Number.isFinite)).toBe(true);
        const known = rows.map((row, i) =>
          row.map((value, j) => (Number.isNaN(value) ? value : completed[i]?.[j])),
        );
        expect(known).toEqual(rows);
      }),
      { numRuns: 25 },
    );
  });

  it('returns a complete matrix, and one of zeros, as it is', () => {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    expect(completeMatrix(rows)).toEqual(rows);
    expect(completeMatrix([[0, missing]])).toEqual([[0, 0]]);
  });

  it.each([
    [[], /must have a row and a column/],
    [[[1, 2], [3]], /row 2 of the matrix must have 2 cells; received 1/],
    [[[missing, missing]], /row 1 of the matrix must have a known cell/],
    [[[1, Infinity]], /row 1 of the matrix must have finite cells/],
  ])('rejects %j', (rows, message) => {
    expect(() => completeMatrix(rows)).toThrow(message);
  });
});
