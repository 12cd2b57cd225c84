import { estimatorFor } from '../estimation/index.ts';
import type { InstanceLatencyEstimator } from '../scaling/multi-tenancy.ts';
import type { P40Tables } from '../simulator/p40-tables.ts';

/**
 * The estimator for a network on the P40 that was never seen: its library holds the rows of every
 * other network, and none of its own, whatever the dataset.
 */
export function estimatorWithout(tables: P40Tables, network: string): InstanceLatencyEstimator {
  return estimatorFor(
    tables.instanceRows
      .filter((row) => row.network !== network)
      .map((row) => ({
        name: `${row.network} on ${row.dataset}`,
        cells: new Map(row.latenciesMs.map((latencyMs, i) => [i + 1, latencyMs])),
      })),
  );
}
