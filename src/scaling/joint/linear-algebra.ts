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

/** The inverse of A = L L^T, given the lower factor L. */
export function inverseOf(lower: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column += 1) {
    const unit = inverse.subarray(column * n, column * n + n);
    unit[column] = 1;
    solveInPlace(lower, n, unit);
  }
  return inverse;
}

/** v^T A v. */
export function quadraticForm(matrix: Float64Array, vector: Float64Array): number {
  const n = vector.length;
  let form = 0;
  for (let i = 0; i < n; i += 1) {
    let sum = 0;
    for (let j = 0; j < n; j += 1) sum += (matrix[i * n + j] as number) * (vector[j] as number);
    form += sum * (vector[i] as number);
  }
  return form;
}

export function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
