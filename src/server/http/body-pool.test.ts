import { describe, expect, it } from 'vitest';
import { BodyPool } from './body-pool.ts';

const KiB = 2 ** 10;

describe('BodyPool', () => {
  it('gives memory back to bodies of about the same size', () => {
    const pool = new BodyPool();
    const first = pool.take(147 * KiB);
    expect(first.byteLength).toBeGreaterThanOrEqual(147 * KiB);
    expect(first.byteLength).toBeLessThanOrEqual(1.125 * 147 * KiB);
    expect(pool.take(147 * KiB)).not.toBe(first);
    pool.give(first);
    expect(pool.take(147 * KiB + 11)).toBe(first);
    pool.give(first);
    expect(pool.take(300 * KiB)).not.toBe(first);
    expect(pool.take(100 * KiB)).not.toBe(first);
  });

  it('holds no more than its bound, nor what is small', () => {
    const pool = new BodyPool();
    const small = pool.take(100);
    pool.give(small);
    expect(small.byteLength).toBe(100);
    expect(pool.take(100)).not.toBe(small);
    const large = Array.from({ length: 5 }, () => pool.take(16 * KiB * KiB));
    for (const buffer of large) pool.give(buffer);
    expect(pool.take(16 * KiB * KiB)).toBe(large[4]);
    expect(large).not.toContain(pool.take(16 * KiB * KiB));
    const huge = pool.take(65 * KiB * KiB);
    pool.give(huge);
    expect(pool.take(65 * KiB * KiB)).not.toBe(huge);
  });
});
