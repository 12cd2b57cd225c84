import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../../operating-point.ts';
import { makeSlo } from '../../slo.ts';
import { Valuation } from '../valuation.ts';
import { bestKnown } from './incumbent.ts';
import { LatencyTarget } from './latency-target.ts';
import { Reachability } from './reachability.ts';
import { Readings } from './knowledge/readings.ts';

/** Latencies in ms by batch size, with one instance: 0.792, 0.8, 0.804 and 0.816 rows per ms. */
const latencies = new Map([
  [4, 5.05],
  [8, 10],
  [9, 11.19],
  [10, 12.25],
  [12, 14.8],
]);
const point = (batchSize: number): OperatingPoint => ({ batchSize, instances: 1 });

interface Circumstances {
  readonly here: number;
  readonly wanderSd?: number;
  readonly hasSettled?: boolean;
  readonly limitMs?: number;
  readonly batchSizes?: readonly number[];
}

/** Batch size of the best known. */
function best({
  here,
  wanderSd = 0,
  hasSettled = false,
  limitMs = 100,
  batchSizes = [8, 10],
}: Circumstances): number | undefined {
  const readings = new Readings();
  batchSizes.forEach((batchSize, second) => {
    const read = {
      ...{ batchSize, instances: 1, latencyMs: latencies.get(batchSize) as number },
      relativeSd: 0.01,
    };
    readings.record({
      ...read,
      ...{ point: point(batchSize), calls: 100, isStale: false },
      ...{ logTail: 0.1, tailMs: 1000, tailCalls: 100 },
      newest: { ...read, startMs: 1000 * second, endMs: 1000 * second + 1000 },
    });
  });
  const found = bestKnown(
    {
      readings,
      reachability: new Reachability(),
      model: {
        wander: { sd: wanderSd, forgetsMs: 1000 },
        predict: (batchSize) => ({
          count: 1,
          shares: Float64Array.of(1),
          logMs: Float64Array.of(Math.log(latencies.get(batchSize) as number)),
          sds: Float64Array.of(0.01),
        }),
      },
      valuation: new Valuation(),
      hasSettled,
      target: new LatencyTarget(makeSlo(limitMs), { seen: 0.1, lasting: 0.1 }),
      ...{ percentile: 0.95, here: point(here), needed: 0 },
    },
    0,
  );
  return found?.reading.point.batchSize;
}

describe('bestKnown', () => {
  it('has the highest throughput within the target', () => {
    expect(best({ here: 8 })).toBe(10);
    expect(best({ here: 8, limitMs: 13 })).toBe(8);
    expect(best({ here: 8, limitMs: 8 })).toBeUndefined();
  });

  it('is the point in use where another is hardly better', () => {
    const batchSizes = [8, 9];
    expect(best({ here: 8, batchSizes })).toBe(8);
    expect(best({ here: 9, batchSizes })).toBe(9);
    expect(best({ here: 8, batchSizes: [8, 12] })).toBe(12);
    expect(best({ here: 8, batchSizes: [8, 12], hasSettled: true })).toBe(8);
  });

  it('has much shorter calls where that costs no more than the machine wanders', () => {
    const batchSizes = [4, 8];
    expect(best({ here: 8, batchSizes })).toBe(8);
    expect(best({ here: 8, wanderSd: 0.12, batchSizes })).toBe(4);
    expect(best({ here: 4, wanderSd: 0.12, batchSizes })).toBe(4);
  });
});
