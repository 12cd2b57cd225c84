import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatMs,
  formatPerS,
  formatShare,
  parseBytes,
  parseDurationMs,
} from './units.ts';

describe('parseDurationMs', () => {
  it.each([
    ['250us', 0.25],
    ['50ms', 50],
    ['1.5s', 1500],
    ['.5s', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    [' 7ms ', 7],
  ])('reads %j as %d ms', (text, durationMs) => {
    expect(parseDurationMs(text, '--slo')).toBeCloseTo(durationMs, 9);
  });

  it.each(['fast', '50', '0ms', '-5ms', '5 ms', '1e3ms', '', 'ms', '5.ms', '5min', 'Infinityms'])(
    'refuses %j, and says what, the rule and the value',
    (text) => {
      expect(() => parseDurationMs(text, '--slo')).toThrow(
        `--slo must be a positive duration with a unit, such as 50ms, 1.5s or 2m; received ${JSON.stringify(text)}`,
      );
    },
  );

  it('refuses a duration that is no finite number of ms', () => {
    expect(() => parseDurationMs(`${'9'.repeat(400)}ms`, '--slo')).toThrow(/--slo must be/);
  });

  it('reads back any whole number in any unit', () => {
    const msPerUnit = { us: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(...(Object.keys(msPerUnit) as (keyof typeof msPerUnit)[])),
        (count, unit) => {
          expect(parseDurationMs(`${count}${unit}`, 'x')).toBe(count * msPerUnit[unit]);
        },
      ),
    );
  });
});

describe('figures for people', () => {
  it.each([
    [0.0125, '12.5 us'],
    [0.5, '500 us'],
    [1, '1.00 ms'],
    [9.994, '9.99 ms'],
    [9.996, '10.0 ms'],
    [50, '50.0 ms'],
    [99.96, '100 ms'],
    [1234, '1234 ms'],
    [12_345, '12.3 s'],
    [Number.NaN, '-'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });

  it.each([
    [15.66, '15.7/s'],
    [1234.4, '1,234/s'],
    [0.5, '0.50/s'],
    [Number.NaN, '-'],
  ])('shows a rate of %d as %s', (perS, text) => {
    expect(formatPerS(perS)).toBe(text);
  });

  it.each([
    [0.95, '95%'],
    [0.999, '99.9%'],
    [1, '100%'],
    [Number.NaN, '-'],
  ])('shows a share of %d as %s', (share, text) => {
    expect(formatShare(share)).toBe(text);
  });

  it.each([
    [512, '512 B'],
    [1536, '1.50 KiB'],
    [5 * 2 ** 30, '5.00 GiB'],
    [2 ** 52, '4096 TiB'],
  ])('shows %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    ['1B', 1],
    ['512MiB', 2 ** 29],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2GB', 2e9],
    ['.5KB', 500],
  ])('reads %s as bytes', (text, bytes) => {
    expect(parseBytes(text, '--memory')).toBe(bytes);
  });

  it.each(['', '2', '2G', 'GiB', '-1GiB', '0MiB', '0.1B', '1e3MB', '99999999999GiB'])(
    'refuses %j for bytes',
    (text) => {
      expect(() => parseBytes(text, '--memory')).toThrow(
        '--memory must be a number of bytes with a unit, such as 512MiB or 2GB',
      );
    },
  );

  it('shows a latency with three digits and within half a percent of it', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 9_999, noNaN: true }), (ms) => {
        const text = formatMs(ms);
        expect(text).toMatch(/^(\d\.\d\d|\d\d\.\d|\d{3,5}) ms$/);
        expect(Math.abs(Number.parseFloat(text) - ms)).toBeLessThanOrEqual(ms * 0.0051);
      }),
    );
  });
});
