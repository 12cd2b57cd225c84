import { describe, expect, it } from 'vitest';
import { decodeInferRequest } from './infer-request.ts';
import type { WireData, WireDatatype } from './tensor.ts';
import { refusal } from './testing/refusal.ts';

const model = { modelName: 'm', modelVersion: '' };

function decodeText(text: string): ReturnType<typeof decodeInferRequest> {
  return decodeInferRequest(model, new TextEncoder().encode(text));
}

function decode(message: unknown): ReturnType<typeof decodeInferRequest> {
  return decodeText(JSON.stringify(message));
}

function dataOf(datatype: WireDatatype, shape: number[], data: string): WireData {
  const shapeText = JSON.stringify(shape);
  const { request } = decodeText(
    `{"inputs":[{"name":"x","datatype":"${datatype}","shape":${shapeText},"data":${data}}]}`,
  );
  return request.inputs[0]!.data;
}

describe('JSON data', () => {
  it('is flat or nested as the shape', () => {
    expect(dataOf('INT32', [2, 2], '[1,2,3,4]')).toEqual(Int32Array.of(1, 2, 3, 4));
    expect(dataOf('INT32', [2, 1, 2], '[[[1,2]],[[3,4]]]')).toEqual(Int32Array.of(1, 2, 3, 4));
    expect(dataOf('INT32', [], '[7]')).toEqual(Int32Array.of(7));
    expect(dataOf('INT32', [2, 0], '[[],[]]')).toEqual(Int32Array.of());
  });

  it.each([
    ['[1,2,3]', /must have 4 elements/],
    ['[[1,2],[3]]', /nested as shape \[2,2\]: at depth 1, arrays of 2/],
    ['[[1,2],3]', /at depth 1/],
    ['[[[1],[2]],[[3],[4]]]', /elements of data of input "x" must be integers/],
    ['"1,2,3,4"', /must be an array/],
    ['null', /must be an array/],
  ])('%s of another structure is refused', (data, message) => {
    expect(refusal(() => dataOf('INT32', [2, 2], data))).toMatch(message);
  });

  it('keeps every digit of 64-bit integers', () => {
    const data = '[-9223372036854775808,9223372036854775807,9007199254740993,-0]';
    expect(dataOf('INT64', [4], data)).toEqual(
      BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, 0n),
    );
    expect(dataOf('UINT64', [1], '[18446744073709551615]')).toEqual(
      BigUint64Array.of(2n ** 64n - 1n),
    );
    expect(dataOf('INT64', [1], '[1e18]')).toEqual(BigInt64Array.of(10n ** 18n));
  });

  it.each([
    ['INT64', '9223372036854775808'],
    ['UINT64', '-1'],
    ['UINT64', '18446744073709551616'],
    ['INT64', '1.5'],
    ['INT8', '128'],
    ['UINT8', '-1'],
    ['UINT8', 'true'],
    ['INT32', '2147483648'],
    ['INT32', '0.5'],
    ['INT32', '"1"'],
    ['FP32', '1e39'],
    ['FP32', 'null'],
    ['FP32', '"nan"'],
    ['FP64', '"1"'],
    ['BOOL', '2'],
    ['BOOL', '"true"'],
    ['BYTES', '1'],
    ['BYTES', '"\\ud800"'],
  ] as const)('%s does not hold %s', (datatype, element) => {
    expect(refusal(() => dataOf(datatype, [1], `[${element}]`))).toMatch(/must be/);
  });

  it('refuses a number that no double holds', () => {
    expect(refusal(() => dataOf('FP64', [1], '[1e400]'))).toMatch(/number out of range/);
  });

  it('takes NaN and the infinities as words or as strings', () => {
    const expected = Float32Array.of(NaN, Infinity, -Infinity);
    expect(dataOf('FP32', [3], '[NaN,Infinity,-Infinity]')).toEqual(expected);
    expect(dataOf('FP32', [3], '["NaN","Infinity","-Infinity"]')).toEqual(expected);
  });

  it('takes booleans as such or as 0 and 1', () => {
    expect(dataOf('BOOL', [4], '[true,false,1,0]')).toEqual(Uint8Array.of(1, 0, 1, 0));
  });

  it.each(['FP16', 'BF16'] as const)('has no %s', (datatype) => {
    expect(refusal(() => dataOf(datatype, [1], '[1]'))).toMatch(/must be sent as binary data/);
  });
});

describe('a malformed request', () => {
  const input = { name: 'x', datatype: 'FP32', shape: [1], data: [1] };
  it.each([
    [
      'text that is no JSON',
      '{"inputs":',
      /the JSON text has something unexpected at character 10/,
    ],
    ['a list', '[]', /the request must be a JSON object/],
    ['no inputs', '{}', /inputs must be a JSON array/],
    ['an input that is no object', '{"inputs":[1]}', /input 0 must be a JSON object/],
    ['deep nesting', '['.repeat(100_000), /nested more than 64 deep/],
  ])('with %s is refused', (_, text, message) => {
    expect(refusal(() => decodeText(text))).toMatch(message);
  });

  it.each([
    ['no name', { ...input, name: undefined }, /name of input 0 must be a non-empty string/],
    ['an unknown type', { ...input, datatype: 'FP8' }, /datatype of input "x" must be one of/],
    ['a shape that is no list', { ...input, shape: 4 }, /shape of input "x" must be a JSON array/],
    ['a negative dimension', { ...input, shape: [-1] }, /non-negative integers/],
    ['a fraction as dimension', { ...input, shape: [1.5] }, /non-negative integers/],
    ['a text as dimension', { ...input, shape: ['1'] }, /non-negative integers/],
    [
      'far too many elements',
      { ...input, shape: [2 ** 20, 2 ** 20] },
      /at most 268435456 elements/,
    ],
    ['too many dimensions', { ...input, shape: new Array(33).fill(1) }, /at most 32 dimensions/],
    ['an endless product', { ...input, shape: new Array(32).fill(2 ** 50) }, /at most/],
    ['parameters that are a list', { ...input, parameters: [] }, /must be a JSON object/],
    [
      'binary data without a header',
      { ...input, data: undefined, parameters: { binary_data_size: 4 } },
      /needs the Inference-Header-Content-Length header/,
    ],
  ])('with an input of %s is refused', (_, given, message) => {
    expect(refusal(() => decode({ inputs: [given] }))).toMatch(message);
  });

  it.each([
    ['deeply nested lists', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['lists of large integers', '[12345678901234567890]'],
    ['lists of lists of large integers', '[[12345678901234567890]]'],
  ])('with %s in any place is refused', (_, list) => {
    const places = [
      list,
      `{"inputs":${list}}`,
      `{"inputs":[{"name":${list}}]}`,
      `{"inputs":[{"name":"x","datatype":${list}}]}`,
      `{"inputs":[{"name":"x","datatype":"INT64","shape":${list}}]}`,
      ...['INT64', 'FP32', 'BYTES', 'BOOL', 'INT8'].flatMap((datatype) => [
        `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1],"data":[${list}]}]}`,
        `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,2],"data":[[0, ${list}]]}]}`,
      ]),
      `{"inputs":[],"parameters":${list}}`,
      `{"inputs":[],"parameters":{"a":${list}}}`,
      `{"inputs":[],"outputs":${list}}`,
      `{"inputs":[],"outputs":[{"name":${list}}]}`,
      `{"inputs":[],"outputs":[{"name":"y","parameters":{"classification":${list}}}]}`,
      `{"inputs":[],"id":${list}}`,
      // A number that only the exact reader can read, besides.
      `{"inputs":[],"parameters":{"n":12345678901234567890},"id":${list}}`,
    ];
    for (const place of places) {
      const message = refusal(() => decodeText(place));
      expect(message.length).toBeLessThan(400);
    }
  });

  it('with a name given twice is refused', () => {
    expect(refusal(() => decode({ inputs: [input, input] }))).toMatch(/must be given once/);
    const outputs = [{ name: 'y' }, { name: 'y' }];
    expect(refusal(() => decode({ inputs: [], outputs }))).toMatch(/must be asked for once/);
  });

  it('with text that is no UTF-8 is refused', () => {
    const bytes = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d);
    expect(refusal(() => decodeInferRequest(model, bytes))).toMatch(/not valid UTF-8/);
  });

  it('with shared memory is unsupported', () => {
    const shared = { ...input, data: undefined, parameters: { shared_memory_region: 'r' } };
    expect(() => decode({ inputs: [shared] })).toThrow(
      expect.objectContaining({ code: 'unsupported' }) as Error,
    );
  });
});

describe('parameters', () => {
  it('keep 64-bit integers exact and leave nulls out', () => {
    const { request } = decodeText(
      '{"inputs":[],"parameters":{"priority":18446744073709551615,"a":null,"b":1.5,"__proto__":7}}',
    );
    expect(Object.entries(request.parameters)).toEqual([
      ['priority', 2n ** 64n - 1n],
      ['b', 1.5],
      ['__proto__', 7],
    ]);
  });

  it('of another kind are refused', () => {
    expect(refusal(() => decode({ inputs: [], parameters: { a: [1] } }))).toMatch(/parameters\.a/);
  });
});
