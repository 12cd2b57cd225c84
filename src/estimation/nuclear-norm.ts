import { EigenvalueDecomposition, Matrix, solve } from 'ml-matrix';
import { invalidArgument } from '../errors.ts';

export interface NuclearNormOptions {
  /** Stops when no missing cell moves by more than this share of the largest cell (default: 1e-6). */
  readonly tolerance?: number;
  /** Most iterations (default: 500). */
  readonly maxIterations?: number;
}

/** Eigenvalues of the Gram matrix below this share of the largest count as this share of it. */
const eigenvalueFloor = 1e-12;

/**
 * Fills the missing cells of a matrix so that its nuclear norm, the sum of its singular values, is
 * least: the convex stand-in for the lowest rank (Candes and Recht, "Exact Matrix Completion via
 * Convex Optimization", 2009). The known cells stay as they are.
 *
 * Solved by iteratively reweighted least squares (Mohan and Fazel, "Iterative Reweighted Algorithms
 * for Matrix Rank Minimization", 2012): the nuclear norm of X is tr(X W X') with W = (X'X)^(-1/2),
 * so each iteration holds W and minimises that quadratic form exactly, row by row. The objective
 * falls at every iteration, and being convex has no other minimum to be caught in. The work per
 * iteration is one eigendecomposition of columns x columns.
 *
 * @param rows equally long rows; NaN marks a missing cell, and each row needs a known one
 * @returns new rows, with every cell known
 * @throws DnnScalerError `invalid-argument` for rows that are ragged, empty or wholly unknown
 */
export function completeMatrix(
  rows: readonly (readonly number[])[],
  options: NuclearNormOptions = {},
): number[][] {
  const { tolerance = 1e-6, maxIterations = 500 } = options;
  requireRows(rows);
  const filled = rows.map(fillWithMean);
  const gaps = rows
    .map((row, index) => gapsOf(row, filled[index] as number[]))
    .filter(({ missing }) => missing.length > 0);
  if (gaps.length === 0) return filled;
  const largest = Math.max(...rows.flat().filter(Number.isFinite).map(Math.abs));
  for (let iteration = 0; iteration < maxIterations; iteration += 1) {
    const weight = inverseRootOfGram(new Matrix(filled));
    const moved = Math.max(...gaps.map((gap) => refill(gap, weight)));
    if (moved <= tolerance * largest) break;
  }
  return filled;
}

interface Gaps {
  /** The row being filled, changed in place. */
  readonly row: number[];
  readonly known: readonly number[];
  readonly missing: readonly number[];
}

function gapsOf(original: readonly number[], row: number[]): Gaps {
  const columns = original.map((_, column) => column);
  return {
    row,
    known: columns.filter((column) => !Number.isNaN(original[column])),
    missing: columns.filter((column) => Number.isNaN(original[column])),
  };
}

/** (X'X)^(-1/2), with a floor under the eigenvalues so that it exists at any rank. */
function inverseRootOfGram(x: Matrix): Matrix {
  const gram = x.transpose().mmul(x);
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(gram, {
    assumeSymmetric: true,
  });
  const floor = eigenvalueFloor * Math.max(...realEigenvalues);
  const roots = realEigenvalues.map((value) => 1 / Math.sqrt(Math.max(value, floor)));
  const scaled = eigenvectorMatrix.clone().mulRowVector(roots);
  return scaled.mmul(eigenvectorMatrix.transpose());
}

/** Sets the missing cells of a row to the least `row W row'`; returns the largest move of a cell. */
function refill({ row, known, missing }: Gaps, weight: Matrix): number {
  const pull = missing.map((column) => [
    -known.reduce((sum, other) => sum + weight.get(column, other) * (row[other] as number), 0),
  ]);
  const among = weight.selection([...missing], [...missing]);
  const solution = solve(among, new Matrix(pull)).to1DArray();
  let moved = 0;
  missing.forEach((column, i) => {
    const value = solution[i] as number;
    moved = Math.max(moved, Math.abs(value - (row[column] as number)));
    row[column] = value;
  });
  return moved;
}

function fillWithMean(row: readonly number[]): number[] {
  const known = row.filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return row.map((value) => (Number.isNaN(value) ? mean : value));
}

function requireRows(rows: readonly (readonly number[])[]): void {
  const columns = rows[0]?.length ?? 0;
  if (columns === 0) throw invalidArgument('the matrix', 'must have a row and a column', rows);
  rows.forEach((row, index) => {
    const what = `row ${index + 1} of the matrix`;
    if (row.length !== columns) throw invalidArgument(what, `must have ${columns} cells`, row.length);
    if (row.every(Number.isNaN)) throw invalidArgument(what, 'must have a known cell', row);
    if (row.some((value) => !Number.isNaN(value) && !Number.isFinite(value))) {
      throw invalidArgument(what, 'must have finite cells', row);
    }
  });
}
