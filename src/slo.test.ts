import { describe, expect, it } from 'vitest';
import { DnnScalerError } from './errors.ts';
import { formatSlo, makeSlo, percentileName } from './slo.ts';

describe('makeSlo', () => {
  it('takes p95 unless told', () => {
    expect(makeSlo(50)).toEqual({ percentile: 0.95, limitMs: 50 });
    expect(makeSlo(50, 0.999)).toEqual({ percentile: 0.999, limitMs: 50 });
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a limit of %d ms', (limitMs) => {
    expect(() => makeSlo(limitMs)).toThrow(
      `the SLO limit must be a positive number of milliseconds; received ${limitMs}`,
    );
  });

  it.each([0, 1, 95, -0.5, Number.NaN])('refuses a percentile of %d', (percentile) => {
    expect(() => makeSlo(50, percentile)).toThrow(
      `the SLO percentile must lie between 0 and 1, such as 0.95; received ${percentile}`,
    );
  });

  it('throws errors with a code', () => {
    try {
      makeSlo(0);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DnnScalerError);
      expect((error as DnnScalerError).code).toBe('invalid-argument');
    }
  });
});

describe('names', () => {
  it.each([
    [0.5, 'p50'],
    [0.95, 'p95'],
    [0.99, 'p99'],
    [0.999, 'p99.9'],
    [0.9999, 'p99.99'],
  ])('calls %d %s', (percentile, name) => {
    expect(percentileName(percentile)).toBe(name);
  });

  it('shows the objective', () => {
    expect(formatSlo(makeSlo(50))).toBe('p95 <= 50.0 ms');
  });
});
