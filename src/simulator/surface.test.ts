import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Surface } from './surface.ts';
import type { SurfacePoint } from './surface.ts';

const point = (batchSize: number, instances: number, latencyMs: number): SurfacePoint => ({
  batchSize,
  instances,
  latencyMs,
});

const uneven = new Surface('uneven', [
  point(1, 1, 10),
  point(8, 1, 24),
  point(32, 1, 72),
  point(1, 2, 12),
  point(8, 2, 40),
  point(1, 4, 20),
  point(4, 4, 44),
]);

describe('Surface', () => {
  it('gives measured latencies back as they are, in any order of points', () => {
    const shuffled = new Surface('shuffled', [...uneven.points].reverse());
    for (const { batchSize, instances, latencyMs } of uneven.points) {
      expect(uneven.latencyMs(batchSize, instances)).toBe(latencyMs);
      expect(shuffled.latencyMs(batchSize, instances)).toBe(latencyMs);
    }
  });

  it('is linear in the batch size between measured points, for each count of instances', () => {
    expect(uneven.latencyMs(2, 1)).toBeCloseTo(12, 12);
    expect(uneven.latencyMs(20, 1)).toBeCloseTo(48, 12);
    expect(uneven.latencyMs(2, 2)).toBeCloseTo(16, 12);
  });

  it('is linear in the count between measured counts', () => {
    expect(uneven.latencyMs(1, 3)).toBeCloseTo(16, 12);
    expect(uneven.latencyMs(4, 3)).toBeCloseTo((24 + 44) / 2, 12);
  });

  it('takes as long for less than the smallest measured batch as for that batch', () => {
    const large = new Surface('large', [point(8, 1, 24), point(16, 1, 40)]);
    expect(large.latencyMs(3, 1)).toBe(24);
    expect(large.limits.minBatchSize).toBe(8);
    expect(large.notes.join()).toMatch(/batches under 8 were not measured/);
  });

  it('reaches a point where it was measured, and the nearest measured batch elsewhere', () => {
    expect(uneven.reach({ batchSize: 20, instances: 1 })).toEqual({ batchSize: 20, instances: 1 });
    expect(uneven.reach({ batchSize: 20, instances: 2 })).toEqual({ batchSize: 8, instances: 2 });
    expect(uneven.reach({ batchSize: 20, instances: 4 })).toEqual({ batchSize: 4, instances: 4 });
    expect(uneven.reach({ batchSize: 99, instances: 99 })).toEqual({ batchSize: 4, instances: 4 });
  });

  it('keeps a point between counts within what both neighbours know', () => {
    expect(uneven.reach({ batchSize: 8, instances: 3 })).toEqual({ batchSize: 4, instances: 3 });
  });

  it('reads a batch between the counts at which it was measured, past those that have smaller ones only', () => {
    const thin = new Surface('thin', [
      ...[point(1, 1, 10), point(8, 1, 20), point(1, 2, 11), point(1, 3, 12)],
      ...[point(1, 5, 20), point(8, 5, 60)],
    ]);
    expect(thin.reach({ batchSize: 8, instances: 3 })).toEqual({ batchSize: 8, instances: 3 });
    expect(thin.latencyMs(8, 3)).toBeCloseTo(40, 12);
    expect(thin.latencyMs(1, 3)).toBe(12);
    expect(thin.latencyMs(1, 4)).toBeCloseTo(16, 12);
    expect(thin.notes.join('\n')).toContain('fewer batch sizes were measured at 2 and 3 instances');
    const large = new Surface('large', [
      ...[point(1, 1, 10), point(8, 1, 20), point(8, 2, 30)],
      ...[point(1, 4, 40), point(8, 4, 80)],
    ]);
    expect(large.reach({ batchSize: 1, instances: 2 })).toEqual({ batchSize: 1, instances: 2 });
    expect(large.latencyMs(1, 2)).toBeCloseTo(20, 12);
  });

  it('falls back to fewer instances where no common batch size is known', () => {
    const apart = new Surface('apart', [point(1, 1, 5), point(4, 1, 8), point(8, 2, 20)]);
    expect(apart.reach({ batchSize: 4, instances: 2 })).toEqual({ batchSize: 4, instances: 1 });
  });

  it('says what is interpolated and what is cut', () => {
    const notes = uneven.notes.join('\n');
    expect(notes).toContain('latencies at 3 instances were not measured');
    expect(notes).toContain('up to 32 with 1 instance, up to 8 from 2, up to 4 from 3');
    expect(new Surface('even', [point(1, 1, 5), point(4, 1, 8)]).notes).toEqual([]);
  });

  it('needs latencies at one instance', () => {
    expect(() => new Surface('none', [point(1, 2, 5)])).toThrow(
      /the surface of none must have latencies at 1 instance/,
    );
  });

  it('never leaves the range of the measured points around it', () => {
    const grid = fc
      .record({
        counts: fc.uniqueArray(fc.integer({ min: 2, max: 9 }), { maxLength: 4 }),
        sizes: fc.uniqueArray(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 6 }),
        seed: fc.array(fc.double({ min: 0.1, max: 1000, noNaN: true }), {
          minLength: 30,
          maxLength: 30,
        }),
      })
      .map(({ counts, sizes, seed }) =>
        [1, ...counts].flatMap((instances, i) =>
          sizes.map((size, j) => point(size, instances, seed[i * 6 + j] as number)),
        ),
      );
    fc.assert(
      fc.property(grid, fc.nat(80), fc.integer({ min: 1, max: 12 }), (points, rows, busy) => {
        const surface = new Surface('random', points);
        const latencyMs = surface.latencyMs(rows, busy);
        const all = points.map((cell) => cell.latencyMs);
        expect(latencyMs).toBeGreaterThanOrEqual(Math.min(...all) - 1e-9);
        expect(latencyMs).toBeLessThanOrEqual(Math.max(...all) + 1e-9);
        const reached = surface.reach({ batchSize: Math.max(1, rows), instances: busy });
        for (let n = 1; n <= reached.instances; n += 1) {
          const range = surface.measuredRange(n);
          if (range !== undefined) {
            expect(reached.batchSize).toBeGreaterThanOrEqual(range.min);
            expect(reached.batchSize).toBeLessThanOrEqual(range.max);
          }
        }
        expect(surface.reach(reached)).toEqual(reached);
      }),
    );
  });
});
