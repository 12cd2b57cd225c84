import fc from 'fast-check';
import { Writer } from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import { contentOf, encodeField, join, rewriteFields, wireFields, withoutFields } from './wire.ts';

/** Fields of every wire type, as any program might write them. */
const field = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.uint8Array({ maxLength: 200 })).map(([number, content]) => encodeField(number, content)),
  fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.nat()).map(([number, value]) => Writer.create().uint32(number << 3).uint32(value).finish()),
  fc.integer({ min: 1, max: 3000 }).map((number) => Writer.create().uint32((number << 3) | 1).double(0.5).finish()),
  fc.integer({ min: 1, max: 3000 }).map((number) => Writer.create().uint32((number << 3) | 5).float(0.5).finish()),
); // prettier-ignore

describe('the fields of a message', () => {
  test('cover it without a gap, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const message = join(fields);
        const found = wireFields(message);
        expect(found.map(({ start, end }) => message.subarray(start, end))).toEqual(
          fields.map((each) => Buffer.from(each)),
        );
      }),
    );
  });

  test('that are not edited stay as they are, byte by byte', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const message = join(fields);
        expect(rewriteFields(message, (_, __, content) => content)).toEqual(message);
      }),
    );
  });

  test('can be replaced one by one, and left out', () => {
    const text = new TextEncoder();
    const message = join([
      encodeField(1, text.encode('a')),
      encodeField(2, text.encode('b')),
      encodeField(1, text.encode('c')),
    ]);
    const edited = rewriteFields(message, (number, occurrence, content) =>
      number === 1 && occurrence === 1 ? text.encode('changed') : number === 2 ? null : content,
    );
    const contents = wireFields(edited).map((each) =>
      Buffer.from(contentOf(edited, each)).toString(),
    );
    expect(contents).toEqual(['a', 'changed']);
    expect(withoutFields(message, [1])).toEqual(Buffer.from(encodeField(2, text.encode('b'))));
  });

  test('of what is no message are refused', () => {
    expect(() => wireFields(Uint8Array.of(0x0a, 200, 1))).toThrow();
  });
});
