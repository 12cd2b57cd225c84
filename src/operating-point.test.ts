import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clampPoint,
  formatPoint,
  paperLimits,
  parsePoint,
  sameKnobs,
  samePoint,
} from './operating-point.ts';

describe('points', () => {
  it('are the same in their knobs whatever their threads', () => {
    const point = { batchSize: 8, instances: 2 };
    const threaded = { ...point, threadsPerInstance: 4 };
    expect(sameKnobs(point, threaded)).toBe(true);
    expect(samePoint(point, threaded)).toBe(false);
    expect(samePoint(threaded, { ...threaded })).toBe(true);
    expect(sameKnobs(point, { batchSize: 2, instances: 8 })).toBe(false);
  });

  it('read well', () => {
    expect(formatPoint({ batchSize: 32, instances: 2 })).toBe('batch 32 x 2 instances');
    expect(formatPoint({ batchSize: 1, instances: 1, threadsPerInstance: 1 })).toBe(
      'batch 1 x 1 instance of 1 thread',
    );
    expect(formatPoint({ batchSize: 1, instances: 3, threadsPerInstance: 4 })).toBe(
      'batch 1 x 3 instances of 4 threads',
    );
  });

  it('are clamped to the nearest point within the limits, threads untouched', () => {
    const limits = { ...paperLimits, minBatchSize: 4 };
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (batchSize, instances) => {
        const clamped = clampPoint({ batchSize, instances, threadsPerInstance: 3 }, limits);
        expect(clamped.threadsPerInstance).toBe(3);
        expect(clamped.batchSize).toBe(Math.min(128, Math.max(4, batchSize)));
        expect(clamped.instances).toBe(Math.min(10, Math.max(1, instances)));
        expect(clampPoint(clamped, limits)).toEqual(clamped);
      }),
    );
  });
});

describe('parsePoint', () => {
  it('reads B,N', () => {
    expect(parsePoint('8,2', 'the fixed point')).toEqual({ batchSize: 8, instances: 2 });
    expect(parsePoint(' 128,10 ', 'the fixed point')).toEqual({ batchSize: 128, instances: 10 });
  });

  it.each(['', '8', '8,', ',2', '0,1', '1,0', '-1,2', '1.5,2', '8;2', '8,2,1', 'a,b', '9999999,1'])(
    'refuses %j',
    (text) => {
      expect(() => parsePoint(text, 'the fixed point')).toThrow(
        `the fixed point must be B,N: a batch size and a count of instances, both at least 1; received ${JSON.stringify(text)}`,
      );
    },
  );
});
