import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import { parseExactJson } from './exact-json.ts';

describe('the exact JSON reader', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const inexact = (read: unknown): unknown =>
          typeof read === 'bigint'
            ? Number(read)
            : Array.isArray(read)
              ? read.map(inexact)
              : typeof read === 'object' && read !== null
                ? Object.fromEntries(Object.entries(read).map(([k, v]) => [k, inexact(v)]))
                : read;
        expect(inexact(parseExactJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses what JSON.parse refuses, but for the words it adds', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      ' ',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (chosen) => {
        const text = chosen.join('');
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(() => parseExactJson(text)).toThrow(DnnScalerError);
          return;
        }
        // Numbers such as 1e311, which are infinite to `JSON.parse`, cannot be written again.
        if (JSON.stringify(expected).includes('null')) {
          expect(() => parseExactJson(text)).toThrow('out of range');
        } else expect(parseExactJson(text)).toEqual(expected);
      }),
      { numRuns: 3000, examples: [[['1', 'e3', '1', '1']]] },
    );
  });

  it('keeps large integers and reads NaN and the infinities', () => {
    expect(parseExactJson('[9007199254740993, NaN, -Infinity, Infinity, 1e300]')).toEqual([
      2n ** 53n + 1n,
      NaN,
      -Infinity,
      Infinity,
      1e300,
    ]);
  });

  it('reads long strings with escapes', () => {
    const value = 'a"\\\n'.repeat(100_000);
    expect(parseExactJson(JSON.stringify([value]))).toEqual([value]);
  });
});
