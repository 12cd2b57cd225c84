/**
 * The lower factor of a positive definite matrix of n x n values, row by row; overwrites it. What
 * lies above the diagonal is left as it was and must not be read.
 */
export function choleskyInPlace(matrix: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = matrix[i * n + j] as number;
      for (let k = 0; k < j; k += 1) {
        sum -= (matrix[i * n + k] as number) * (matrix[j * n + k] as number);
      }
      matrix[i * n + j] =
        i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (matrix[j * n + j] as number);
    }
  }
  return matrix;
}

/** Solves A x = vector for A = L L^T, given the lower factor L; overwrites and returns the vector. */
export function solveInPlace(lower: Float64Array, n: number, vector: Float64Array): Float64Array {
  for (let i = 0; i < n; i += 1) {
    let sum = vector[i] as number;
    for (let k = 0; k < i; k += 1) sum -= (lower[i * n + k] as number) * (vector[k] as number);
    vector[i] = sum / (lower[i * n + i] as number);
  }
  for (let i = n - 1; i >= 0; i -= 1) {
    let sum = vector[i] as number;
    for (let k = i + 1; k < n; k += 1) sum -= (lower[k * n + i] as number) * (vector[k] as number);
    vector[i] = sum / (lower[i * n + i] as number);
  }
  return vector;
}

/** v^T A^-1 v for A = L L^T, given the lower factor L; `half` is overwritten. */
export function misfitOf(
  lower: Float64Array,
  n: number,
  vector: Float64Array,
  half: Float64Array,
): number {
  let misfit = 0;
  for (let i = 0; i < n; i += 1) {
    let sum = vector[i] as number;
    for (let k = 0; k < i; k += 1) sum -= (lower[i * n + k] as number) * (half[k] as number);
    const value = sum / (lower[i * n + i] as number);
    half[i] = value;
    misfit += value * value;
  }
  return misfit;
}

/** Logarithm of the determinant of A = L L^T, given the lower factor L. */
export function logDeterminantOf(lower: Float64Array, n: number): number {
  return 2 * sumOf(lower.filter((_, at) => at % (n + 1) === 0).map(Math.log));
}

export function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
