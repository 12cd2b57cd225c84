import { describe, expect, it } from 'vitest';
import { latencyLaws } from './latency-laws.ts';

describe('latency laws', () => {
  it('never have a batch of twice the rows cost more than twice the time, tiles or not', () => {
    for (const law of latencyLaws) {
      for (const batchSize of [1, 3, 4, 8, 16, 31, 32, 64]) {
        for (const instances of [1, 2, 5]) {
          const growth =
            law.logShape(2 * batchSize, instances) - law.logShape(batchSize, instances);
          expect(growth).toBeLessThan(Math.log(2) + 1e-9);
        }
      }
    }
  });

  it('have some where rows are as good as free', () => {
    const least = Math.min(...latencyLaws.map((law) => law.logShape(128, 1)));
    expect(least).toBeLessThan(0.15);
  });
});
