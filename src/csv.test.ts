import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv, parseCsvRecords, writeCsv } from './csv.ts';

describe('parseCsv', () => {
  it('splits records and fields, with either line end and without a last one', () => {
    expect(parseCsv('a,b\r\n1,2\n3,4')).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
    ]);
  });

  it('unquotes commas, line ends and doubled quotes', () => {
    expect(parseCsv('"a,b","c\nd","e""f",""\n')).toEqual([['a,b', 'c\nd', 'e"f', '']]);
  });

  it('keeps empty fields, the last one too', () => {
    expect(parseCsv('a,,b\n,\nx,')).toEqual([
      ['a', '', 'b'],
      ['', ''],
      ['x', ''],
    ]);
  });

  it('skips blank lines and a byte order mark, and still counts lines', () => {
    expect(parseCsvRecords('\uFEFFa\n\n"b\nc"\nd\n\n')).toEqual([
      { line: 1, fields: ['a'] },
      { line: 3, fields: ['b\nc'] },
      { line: 5, fields: ['d'] },
    ]);
  });

  it.each([
    ['a\nb"c\n', /line 2 has a quote inside an unquoted field; received "b\\""/],
    ['a\n"b"c\n', /line 2 has text after a closing quote; received "c/],
    ['a\n\n"b\n', /line 3 has a quote that is never closed/],
  ])('rejects %j with the line at fault', (text, message) => {
    expect(() => parseCsv(text)).toThrow(message);
  });

  it('reads back whatever writeCsv wrote', () => {
    // A record of one empty field is a blank line, which carries nothing.
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é') });
    const record = fc
      .array(field, { minLength: 1, maxLength: 4 })
      .filter((fields) => fields.length > 1 || fields[0] !== '');
    fc.assert(
      fc.property(fc.array(record), (records) => {
        expect(parseCsv(writeCsv(records))).toEqual(records);
      }),
    );
  });
});
