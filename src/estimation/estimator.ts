import type { Cells, LibraryRow } from './cells.ts';
import { estimateCurve } from './estimate-curve.ts';

/**
 * An estimator of the latencies at 1..`count` instances, as the Multi-Tenancy scaler takes it.
 *
 * @param library rows of known networks; without any the time-slicing law is used alone
 */
export function estimatorFor(
  library: readonly LibraryRow[] = [],
): (observedMs: Cells, count: number) => readonly number[] {
  return (observedMs, count) =>
    estimateCurve(
      observedMs,
      Array.from({ length: count }, (_, i) => i + 1),
      library,
    );
}
