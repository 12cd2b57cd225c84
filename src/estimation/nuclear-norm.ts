import { EigenvalueDecomposition, Matrix, solve } from 'ml-matrix';
import { invalidArgument } from '../errors.ts';

export interface NuclearNormOptions {
  /** Stops when no missing cell moves by more than this share of the largest cell (default: 1e-7). */
  readonly tolerance?: number;
  /** Most sweeps over the rows with missing cells, at each degree of smoothing (default: 200). */
  readonly maxSweeps?: number;
}

/**
 * What is added to the eigenvalues of X'X, as shares of the largest, one after the other: the norm is
 * smooth only where X has full rank, and Newton's method needs it smooth.
 */
const smoothings = [1e-6, 1e-12];

const maxNewtonSteps = 50;

/**
 * Fills the missing cells of a matrix so that its nuclear norm, the sum of its singular values, is
 * least: the convex stand-in for the lowest rank (Candes and Recht, "Exact Matrix Completion via
 * Convex Optimization", 2009). The known cells stay as they are.
 *
 * With one row r open and the Gram matrix G of the others, the norm is tr (G + r r')^(1/2), a smooth
 * and convex function of a few unknowns: Newton's method finds its least value to rounding. Several
 * open rows take turns until none moves.
 *
 * @param rows equally long rows; NaN marks a missing cell, and each row needs a known one
 * @returns new rows, with every cell known
 * @throws DnnScalerError `invalid-argument` for rows that are ragged, empty or wholly unknown
 */
export function completeMatrix(
  rows: readonly (readonly number[])[],
  options: NuclearNormOptions = {},
): number[][] {
  const { tolerance = 1e-7, maxSweeps = 200 } = options;
  requireRows(rows);
  const filled = rows.map(fillWithMean);
  const open = rows.flatMap((row, index) => {
    const missing = row.flatMap((value, column) => (Number.isNaN(value) ? [column] : []));
    return missing.length === 0 ? [] : [{ row: filled[index] as number[], missing }];
  });
  if (open.length === 0) return filled;
  const x = new Matrix(filled);
  const gram = x.transpose().mmul(x);
  const energy = gram.trace();
  if (energy === 0) return filled;
  const smallestMove = tolerance * Math.max(...filled.flat().map(Math.abs));
  for (const smoothing of smoothings) {
    for (let sweep = 0; sweep < maxSweeps; sweep += 1) {
      let largestMove = 0;
      for (const { row, missing } of open) {
        addOuter(gram, row, -1);
        const move = refill(row, missing, gram, smoothing * energy, smallestMove);
        largestMove = Math.max(largestMove, move);
        addOuter(gram, row, 1);
      }
      if (open.length === 1 || largestMove <= smallestMove) break;
    }
  }
  return filled;
}

/**
 * Sets the missing cells of a row where the smoothed norm is least, given the Gram matrix of the other
 * rows; returns the largest move of a cell.
 */
function refill(
  row: number[],
  missing: readonly number[],
  others: Matrix,
  raise: number,
  smallestMove: number,
): number {
  const before = [...row];
  let here = evaluate(row, others, raise);
  for (let taken = 0; taken < maxNewtonSteps; taken += 1) {
    const step = newtonStep(here, missing);
    const start = [...row];
    let share = 1;
    let there: Evaluation;
    do {
      missing.forEach((column, i) => {
        row[column] = (start[column] as number) + share * (step[i] as number);
      });
      there = evaluate(row, others, raise);
      share /= 2;
    } while (!(there.norm <= here.norm) && share > 1e-6);
    here = there;
    if (largestDifference(row, start) <= smallestMove) break;
  }
  return largestDifference(row, before);
}

/** The smoothed norm for one choice of the open row, and what its derivatives are made of. */
interface Evaluation {
  readonly norm: number;
  /** Eigenvectors of the raised Gram matrix, by column. */
  readonly vectors: Matrix;
  /** Square roots of its eigenvalues: the smoothed singular values. */
  readonly singular: readonly number[];
  /** The open row in the basis of the eigenvectors. */
  readonly projected: readonly number[];
}

function evaluate(row: readonly number[], others: Matrix, raise: number): Evaluation {
  const gram = others.clone();
  addOuter(gram, row, 1);
  const { eigenvectorMatrix: vectors, realEigenvalues } = new EigenvalueDecomposition(gram, {
    assumeSymmetric: true,
  });
  const singular = realEigenvalues.map((value) => Math.sqrt(Math.max(value, 0) + raise));
  const projected = vectors
    .transpose()
    .mmul(Matrix.columnVector([...row]))
    .to1DArray();
  return { norm: singular.reduce((sum, value) => sum + value, 0), vectors, singular, projected };
}

/**
 * Newton's step for the missing cells. With A = V S^2 V' the raised Gram matrix and z = V'r, the
 * gradient of tr A^(1/2) is V (z / s), and its Hessian V H V' with
 *
 *     H_ij = [i = j] (1 / s_i - sum_k K_ik z_k^2) - z_i K_ij z_j,   K_ij = 1 / (s_i s_j (s_i + s_j))
 *
 * from the derivative of A^(-1/2), which is -V (K o V'dA V) V'.
 */
function newtonStep(
  { vectors, singular: s, projected: z }: Evaluation,
  missing: readonly number[],
): number[] {
  const size = s.length;
  const hessian = Matrix.zeros(size, size);
  for (let i = 0; i < size; i += 1) {
    const si = s[i] as number;
    const zi = z[i] as number;
    let own = 1 / si;
    for (let j = 0; j < size; j += 1) {
      const sj = s[j] as number;
      const zj = z[j] as number;
      const k = 1 / (si * sj * (si + sj));
      own -= k * zj * zj;
      hessian.set(i, j, hessian.get(i, j) - zi * k * zj);
    }
    hessian.set(i, i, hessian.get(i, i) + own);
  }
  const open = vectors.selection(
    [...missing],
    s.map((_, i) => i),
  );
  const slope = z.map((value, i) => value / (s[i] as number));
  const gradient = open.mmul(Matrix.columnVector(slope)).neg();
  return solve(open.mmul(hessian).mmul(open.transpose()), gradient).to1DArray();
}

/** Adds `sign` times the outer product of a row with itself. */
function addOuter(gram: Matrix, row: readonly number[], sign: 1 | -1): void {
  row.forEach((a, i) => {
    row.forEach((b, j) => {
      gram.set(i, j, gram.get(i, j) + sign * a * b);
    });
  });
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
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
    if (row.length !== columns)
      throw invalidArgument(what, `must have ${columns} cells`, row.length);
    if (row.every(Number.isNaN)) throw invalidArgument(what, 'must have a known cell', row);
    if (row.some((value) => !Number.isNaN(value) && !Number.isFinite(value))) {
      throw invalidArgument(what, 'must have finite cells', row);
    }
  });
}
