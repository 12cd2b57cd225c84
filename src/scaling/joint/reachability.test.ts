import { describe, expect, it } from 'vitest';
import { Reachability } from './reachability.ts';

describe('Reachability', () => {
  it('rules out counts of instances that could not be started, but for small batches', () => {
    const reachability = new Reachability();
    reachability.recordReached({ batchSize: 16, instances: 8 }, { batchSize: 16, instances: 5 });
    expect(reachability.isReachable(16, 6)).toBe(false);
    expect(reachability.isReachable(2, 6)).toBe(true);
    expect(reachability.isReachable(16, 5)).toBe(true);
  });

  it('rules out larger batches than were reached', () => {
    const reachability = new Reachability();
    reachability.recordReached({ batchSize: 64, instances: 2 }, { batchSize: 40, instances: 2 });
    expect(reachability.isReachable(41, 2)).toBe(false);
    expect(reachability.isReachable(40, 3)).toBe(true);
  });

  it('avoids what failed, and all that is larger, until it answers', () => {
    const reachability = new Reachability();
    reachability.recordFailed({ batchSize: 8, instances: 2 });
    expect(reachability.isReachable(9, 3)).toBe(false);
    expect(reachability.isReachable(7, 3)).toBe(true);
    reachability.recordAnswered({ batchSize: 9, instances: 3 });
    expect(reachability.isReachable(9, 3)).toBe(true);
  });

  it('tries again what failed once it is told to', () => {
    const reachability = new Reachability();
    reachability.recordFailed({ batchSize: 8, instances: 2 });
    reachability.forgetFailures();
    expect(reachability.isReachable(8, 2)).toBe(true);
  });
});
