import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { quantileOfSorted } from '../telemetry/quantile.ts';
import { normalQuantile } from './normal-quantile.ts';
import { findOracle } from './oracle.ts';
import { Surface } from './surface.ts';

const p95 = (limitMs: number) => ({ percentile: 0.95, limitMs });

/** Latency 10 + b with one instance, 12 + 1.5 b with three. */
const surface = new Surface('linear', [
  { batchSize: 1, instances: 1, latencyMs: 11 },
  { batchSize: 256, instances: 1, latencyMs: 266 },
  { batchSize: 1, instances: 3, latencyMs: 13.5 },
  { batchSize: 64, instances: 3, latencyMs: 108 },
]);

describe('normalQuantile', () => {
  it.each([
    [0.5, 0],
    [0.95, 1.6448536269514722],
    [0.975, 1.959963984540054],
    [0.99, 2.3263478740408408],
    [0.999999, 4.753424308822899],
    [0.05, -1.6448536269514722],
    [0.001, -3.090232306167813],
  ])('at %s is %s', (share, z) => {
    expect(normalQuantile(share)).toBeCloseTo(z, 10);
  });
});

describe('findOracle', () => {
  it('finds the largest batch that fits, and the count of instances that gives most', () => {
    const oracle = findOracle(surface, p95(51), { noiseSigma: 0 });
    // 51 / 1.02 = 50: batch 40 alone gives 800/s, three times batch 25 at 49.5 ms gives 1515/s.
    expect(oracle).toMatchObject({ batchSize: 25, instances: 3, p95Ms: 49.5, controlledMs: 49.5 });
    expect(oracle?.throughputPerS).toBeCloseTo((3 * 25 * 1000) / 49.5, 9);
  });

  it('leaves counts out that were not measured, and batches over the largest', () => {
    const oracle = findOracle(surface, p95(1e6), { noiseSigma: 0 });
    expect(oracle).toMatchObject({ instances: 3, batchSize: 64 });
    const single = new Surface('one', surface.points.slice(0, 2));
    expect(findOracle(single, p95(1e6), { noiseSigma: 0 })?.batchSize).toBe(128);
  });

  it('allows for the noise at the percentile of the SLO', () => {
    const noiseSigma = 0.2;
    for (const percentile of [0.5, 0.95, 0.99]) {
      const oracle = findOracle(surface, { percentile, limitMs: 60 }, { noiseSigma });
      const latencyMs = surface.latencyMs(oracle?.batchSize ?? 0, oracle?.instances ?? 0);
      const random = new Random(3);
      const samples = Float64Array.from(
        { length: 40_000 },
        () => latencyMs * Math.exp(noiseSigma * random.normal()),
      ).sort();
      expect(quantileOfSorted(samples, percentile) / (oracle?.controlledMs ?? 0)).toBeCloseTo(1, 1);
      const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
      const rows = (oracle?.batchSize ?? 0) * (oracle?.instances ?? 0);
      expect((1000 * rows) / mean / (oracle?.throughputPerS ?? 0)).toBeCloseTo(1, 2);
      expect(oracle?.controlledMs).toBeLessThanOrEqual(60 / 1.02);
      const next = surface.latencyMs((oracle?.batchSize ?? 0) + 1, oracle?.instances ?? 0);
      expect(next * Math.exp(noiseSigma * normalQuantile(percentile))).toBeGreaterThan(60 / 1.02);
    }
  });

  it('is null when nothing fits', () => {
    expect(findOracle(surface, p95(11.1), { noiseSigma: 0 })).toBeNull();
    expect(findOracle(surface, p95(11.23), { noiseSigma: 0 })).toMatchObject({ batchSize: 1 });
  });
});
