import { EigenvalueDecomposition, Matrix, solve } from 'ml-matrix';
import { invalidArgument } from '../errors.ts';

export interface NuclearNormOptions {
  /** Stops when no missing cell moves by more than this share of the largest cell (default: 1e-7). */
  readonly tolerance?: number;
  /** Most steps of Newton's method at each degree of smoothing (default: 100). */
  readonly maxSteps?: number;
}

/**
 * What is added to the eigenvalues of X'X, as shares of their sum, one after the other: the norm is
 * smooth only where X has full rank, and Newton's method needs it smooth.
 */
const smoothings = [1e-6, 1e-12];

/** Steps are halved until the norm falls, give or take its rounding, down to a share of the step. */
const rounding = 1e-12;
const smallestShare = 1e-6;

/**
 * Fills the missing cells of a matrix so that its nuclear norm, the sum of its singular values, is
 * least: the convex stand-in for the lowest rank (Candes and Recht, "Exact Matrix Completion via
 * Convex Optimization", 2009). The known cells stay as they are.
 *
 * The norm is tr (X'X)^(1/2), a convex function of the missing cells, and its derivatives follow
 * from the eigenvectors of X'X: Newton's method finds the least value to rounding. A step costs one
 * eigendecomposition of columns x columns and one linear system of as many unknowns as cells are
 * missing, which suits tables of latencies; for thousands of missing cells it is the wrong method.
 *
 * @param rows equally long rows; NaN marks a missing cell, and each row needs a known one
 * @returns new rows, with every cell known
 * @throws DnnScalerError `invalid-argument` for rows that are ragged, empty or wholly unknown
 */
export function completeMatrix(
  rows: readonly (readonly number[])[],
  options: NuclearNormOptions = {},
): number[][] {
  const { tolerance = 1e-7, maxSteps = 100 } = options;
  requireRows(rows);
  let filled = firstGuess(rows);
  const gaps = rows.flatMap((row, index) => {
    const missing = row.flatMap((value, column) => (Number.isNaN(value) ? [column] : []));
    return missing.length === 0 ? [] : [{ index, missing }];
  });
  const energy = filled.flat().reduce((sum, value) => sum + value * value, 0);
  if (gaps.length === 0 || energy === 0) return filled;
  const smallestMove = tolerance * Math.max(...filled.flat().map(Math.abs));
  for (const smoothing of smoothings) {
    const raise = smoothing * energy;
    let here = evaluate(filled, raise);
    for (let taken = 0; taken < maxSteps; taken += 1) {
      const step = newtonStep(here, gaps);
      const acceptable = here.norm * (1 + rounding);
      let share = 1;
      let there = evaluate(moved(filled, gaps, step), raise);
      while (!(there.norm <= acceptable) && share > smallestShare) {
        share /= 2;
        there = evaluate(moved(filled, gaps, step, share), raise);
      }
      if (!(there.norm <= acceptable)) break;
      filled = there.rows;
      here = there;
      if (Math.max(...step.map(Math.abs)) * share <= smallestMove) break;
    }
  }
  return filled;
}

/** A row with missing cells, and their columns. */
interface Gaps {
  readonly index: number;
  readonly missing: readonly number[];
}

/** The smoothed norm for one choice of the missing cells, and what its derivatives are made of. */
interface Evaluation {
  readonly rows: number[][];
  readonly norm: number;
  /** Eigenvectors of X'X, by column. */
  readonly vectors: Matrix;
  /** Square roots of its raised eigenvalues: the smoothed singular values. */
  readonly singular: readonly number[];
  /** The rows of X in the basis of the eigenvectors. */
  readonly projected: Matrix;
}

function evaluate(rows: number[][], raise: number): Evaluation {
  const x = new Matrix(rows);
  const { eigenvectorMatrix: vectors, realEigenvalues } = new EigenvalueDecomposition(
    x.transpose().mmul(x),
    { assumeSymmetric: true },
  );
  const singular = realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0) + raise));
  const norm = singular.reduce((sum, value) => sum + value, 0);
  return { rows, norm, vectors, singular, projected: x.mmul(vectors) };
}

/** The rows with a share of a step taken, the step being by missing cell, row by row. */
function moved(
  rows: readonly (readonly number[])[],
  gaps: readonly Gaps[],
  step: readonly number[],
  share = 1,
): number[][] {
  const result = rows.map((row) => [...row]);
  let at = 0;
  for (const { index, missing } of gaps) {
    const row = result[index] as number[];
    for (const column of missing) {
      row[column] = (row[column] as number) + share * (step[at] as number);
      at += 1;
    }
  }
  return result;
}

/** Newton's step by missing cell, row by row. The gradient of tr (X'X)^(1/2) in row r is V (z_r / s). */
function newtonStep({ vectors, singular, projected }: Evaluation, gaps: readonly Gaps[]): number[] {
  const all = singular.map((_, i) => i);
  // Eigenvector coordinates of the missing cells of each row.
  const bases = gaps.map(({ missing }) => vectors.selection([...missing], all));
  const coordinates = gaps.map(({ index }) => projected.getRow(index));
  const starts = gaps.map((_, a) =>
    gaps.slice(0, a).reduce((sum, { missing }) => sum + missing.length, 0),
  );
  const unknowns = gaps.reduce((sum, { missing }) => sum + missing.length, 0);
  const hessian = Matrix.zeros(unknowns, unknowns);
  const descent = Matrix.zeros(unknowns, 1);
  gaps.forEach((_, a) => {
    const basis = bases[a] as Matrix;
    const z = coordinates[a] as number[];
    const slope = z.map((value, i) => -value / (singular[i] as number));
    const start = starts[a] as number;
    descent.setSubMatrix(basis.mmul(Matrix.columnVector(slope)), start, 0);
    for (let b = 0; b <= a; b += 1) {
      const curvature = curvatureBetween(z, coordinates[b] as number[], singular, a === b);
      const block = basis.mmul(curvature).mmul((bases[b] as Matrix).transpose());
      hessian.setSubMatrix(block, start, starts[b] as number);
      hessian.setSubMatrix(block.transpose(), starts[b] as number, start);
    }
  });
  return solve(hessian, descent).to1DArray();
}

/**
 * How the gradient in one row changes with another (or the same) row, in the basis of the
 * eigenvectors. From the derivative of A^(-1/2) at A = V S^2 V', which is -V (K o V'dA V) V':
 *
 *     H_ij = [i = j] ([same] / s_i - sum_k K_ik y_k z_k) - y_i K_ij z_j,  K_ij = 1 / (s_i s_j (s_i + s_j))
 *
 * @param z the row whose gradient it is; @param y the row that changes
 */
function curvatureBetween(
  z: readonly number[],
  y: readonly number[],
  singular: readonly number[],
  same: boolean,
): Matrix {
  const curvature = Matrix.zeros(z.length, z.length);
  singular.forEach((si, i) => {
    let diagonal = same ? 1 / si : 0;
    singular.forEach((sj, j) => {
      const k = 1 / (si * sj * (si + sj));
      diagonal -= k * (y[j] as number) * (z[j] as number);
      curvature.set(i, j, -(y[i] as number) * k * (z[j] as number));
    });
    curvature.set(i, i, curvature.get(i, i) + diagonal);
  });
  return curvature;
}

/** A first guess at the missing cells: as if all rows were multiples of the mean row. */
function firstGuess(rows: readonly (readonly number[])[]): number[][] {
  const means = (rows[0] ?? []).map((_, column) => {
    const known = rows.flatMap((row) => (Number.isNaN(row[column]) ? [] : [row[column] as number]));
    return known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
  return rows.map((row) => {
    let own = 0;
    let usual = 0;
    row.forEach((value, column) => {
      if (Number.isNaN(value)) return;
      own += value;
      usual += means[column] as number;
    });
    const factor = usual === 0 ? 0 : own / usual;
    return row.map((value, column) =>
      Number.isNaN(value) ? factor * (means[column] as number) : value,
    );
  });
}

function requireRows(rows: readonly (readonly number[])[]): void {
  const columns = rows[0]?.length ?? 0;
  if (columns === 0) throw invalidArgument('the matrix', 'must have a row and a column', rows);
  rows.forEach((row, index) => {
    const what = `row ${index + 1} of the matrix`;
    if (row.length !== columns)
      throw invalidArgument(what, `must have ${columns} cells`, row.length);
    if (row.every(Number.isNaN)) throw invalidArgument(what, 'must have a known cell', row);
    if (row.some((value) => !Number.isNaN(value) && !Number.isFinite(value))) {
      throw invalidArgument(what, 'must have finite cells', row);
    }
  });
}
