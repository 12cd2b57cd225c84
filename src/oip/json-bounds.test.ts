import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInferRequest } from './infer-request.ts';
import type { JsonBounds } from './json-bounds.ts';
import { checkJsonBounds, defaultJsonBounds } from './json-bounds.ts';
import { decodeJson } from './json-fields.ts';
import { refusal } from './testing/refusal.ts';
import { defaultWireLimits } from './wire-limits.ts';

function check(text: string, bounds: Partial<JsonBounds> = {}): void {
  checkJsonBounds(Buffer.from(text), { ...defaultJsonBounds, ...bounds });
}

/** What a value holds, counted the slow way. */
function countOf(value: unknown): { members: number; arrays: number; depth: number } {
  if (typeof value !== 'object' || value === null) return { members: 0, arrays: 0, depth: 0 };
  const inner = Object.values(value).map(countOf);
  const sum = (of: 'members' | 'arrays'): number => inner.reduce((all, each) => all + each[of], 0);
  const isArray = Array.isArray(value);
  return {
    members: sum('members') + (isArray ? 0 : 1 + inner.length),
    arrays: sum('arrays') + (isArray ? 1 : 0),
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
  };
}

describe('the bounds of JSON text', () => {
  it('are those of its objects, members and arrays, whatever strings hold', () => {
    const strings = fc.oneof(
      fc.string({ unit: fc.constantFrom('"', '\\', '[', '{', ':', '}', 'a', 'é', '\n') }),
      fc.constantFrom('\\'.repeat(64), `${'a'.repeat(64)}\\`, `${'a'.repeat(64)}"[{:`),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.oneof(strings, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer()),
        fc.array(tie('any')),
        fc.dictionary(strings, tie('any')),
      ),
    })).any;
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, 3), (any, indent) => {
        const text = JSON.stringify(any, undefined, indent);
        const { members, arrays } = countOf(JSON.parse(text));
        check(text, { maxMembers: members, maxArrays: arrays });
        if (members > 0) {
          expect(refusal(() => check(text, { maxMembers: members - 1 }))).toMatch(/members/);
        }
        if (arrays > 0) {
          expect(refusal(() => check(text, { maxArrays: arrays - 1 }))).toMatch(/arrays/);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('allow what is nested 64 deep, and no deeper, arrays and objects alike', () => {
    const nested = (depth: number): string =>
      '[{"a":'.repeat(depth / 2) + '0' + '}]'.repeat(depth / 2);
    expect(decodeJson(Buffer.from(nested(64)), (json) => countOf(json).depth)).toBe(64);
    expect(refusal(() => check(nested(66)))).toBe(
      'the JSON text is nested more than 64 deep at byte 192',
    );
    expect(refusal(() => check('{'.repeat(65)))).toMatch(/64 deep at byte 64$/);
  });

  it('can count what is not in strings', () => {
    const text = '{"a": "a long string of many bytes", "b": [1, 2, 3]}';
    check(text, { maxBareBytes: 20 });
    expect(refusal(() => check(text, { maxBareBytes: 19 }))).toMatch(/outside of strings/);
  });

  it('leave text that is no JSON to its reader', () => {
    for (const text of ['', '"', '"\\', ']]]]', '[[', `"${'a'.repeat(100)}`, '\\"[', 'nul']) {
      check(text);
      expect(() => decodeJson(Buffer.from(text), () => undefined)).toThrow(/the JSON text/);
    }
  });
});

describe('an inference request whose JSON unpacks to much', () => {
  const infer = (text: Buffer): string => {
    const body = gunzipSync(gzipSync(text));
    return refusal(() => decodeInferRequest({ modelName: 'm', modelVersion: '' }, body));
  };
  const tensor = (data: string): Buffer =>
    Buffer.from(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":${data}}]}`);

  it.each([
    ['deep arrays', tensor('['.repeat(1e6) + ']'.repeat(1e6)), /nested more than 64 deep/],
    ['deep objects', tensor('{"a":'.repeat(1e5) + '0' + '}'.repeat(1e5)), /nested more/],
    ['empty arrays', tensor(`[${'[],'.repeat(6e5)}0]`), /over 524288 arrays/],
    ['empty objects', tensor(`[${'{},'.repeat(2e4)}0]`), /over 16384 objects/],
    ['numbers', tensor(`[${'0,'.repeat(2 ** 21)}0]`), /at most 4194304 bytes.*as binary data/],
  ])('is refused: %s', (_, text, problem) => {
    expect(infer(text)).toMatch(problem);
  });

  it('is refused: parameters, by their number', () => {
    const keys = (count: number): string =>
      Array.from({ length: count }, (_, i) => `"k${i}":0`).join(',');
    const tensors = '"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0]}]';
    expect(infer(Buffer.from(`{${tensors},"parameters":{${keys(20_000)}}}`))).toMatch(/over 16384/);
    expect(infer(Buffer.from(`{${tensors},"parameters":{${keys(1025)}}}`))).toMatch(
      'parameters must be at most 1024; received 1025',
    );
    const body = Buffer.from(`{${tensors},"parameters":{${keys(1024)}}}`);
    const { request } = decodeInferRequest({ modelName: 'm', modelVersion: '' }, body);
    expect(Object.keys(request.parameters)).toHaveLength(1024);
  });
});

describe('an honest request', () => {
  it('of an image of 224x224 in full precision passes, flat or nested', () => {
    const pixel = [-1.234567890123456e-5, -0.1234567890123456, 254.12345678901235];
    const row = Array.from({ length: 224 }, () => pixel);
    const image = [Array.from({ length: 224 }, () => row)];
    for (const data of [image, image.flat(3)]) {
      // As Python writes it.
      const numbers = JSON.stringify(data).replaceAll(',', ', ');
      const body = Buffer.from(
        `{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 224, 224, 3], "data": ${numbers}}]}`,
      );
      expect(body.byteLength).toBeLessThan(defaultWireLimits.maxJsonBytes);
      const { request } = decodeInferRequest({ modelName: 'm', modelVersion: '' }, body);
      expect(request.inputs[0]?.data).toHaveLength(150_528);
    }
  });

  it('of as many tensors, outputs and parameters as may be passes', () => {
    const each = (count: number, of: (i: number) => unknown): unknown[] =>
      Array.from({ length: count }, (_, i) => of(i));
    const message = {
      id: '1',
      parameters: Object.fromEntries(each(1024, (i) => [`k${i}`, i]) as [string, number][]),
      inputs: each(1024, (i) => ({
        name: `x${i}`,
        datatype: 'FP32',
        shape: [0],
        parameters: { binary_data_size: 0 },
      })),
      outputs: each(1024, (i) => ({
        name: `y${i}`,
        parameters: { binary_data: true, classification: 1 },
      })),
    };
    const body = Buffer.from(JSON.stringify(message));
    const model = { modelName: 'm', modelVersion: '' };
    const { request } = decodeInferRequest(model, body, body.byteLength);
    expect(request.inputs).toHaveLength(1024);
    expect(request.outputs).toHaveLength(1024);
  });
});
