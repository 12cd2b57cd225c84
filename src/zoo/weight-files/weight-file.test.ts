import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { DnnScalerError } from '../../errors.ts';
import { toFloat32 } from './stored-tensor.ts';
import { rawSafetensors, safetensorsOf } from './testing/write-safetensors.ts';
import { openWeightFile } from './weight-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'weights-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function pathOf(bytes: Uint8Array): string {
  const path = join(directory, 'weights');
  writeFileSync(path, bytes);
  return path;
}

/** Dims and elements of every tensor of a file with these bytes. */
function contentsOf(bytes: Uint8Array): Record<string, [readonly number[], number[]]> {
  const file = openWeightFile(pathOf(bytes));
  try {
    return Object.fromEntries(
      [...file.tensors].map(([name, tensor]) => [name, [tensor.dims, [...tensor.read()]]]),
    );
  } finally {
    file.close();
  }
}

function messageOf(bytes: Uint8Array): string {
  try {
    contentsOf(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(DnnScalerError);
    expect(error).toMatchObject({ code: 'invalid-argument' });
    return (error as Error).message;
  }
  return 'no error';
}

const quarters = [0, 0.25, 0.5, 0.75, 1, 1.25];
const bytesOf = ({ buffer }: Float32Array | Float64Array): Uint8Array => new Uint8Array(buffer);
const one = { dtype: 'F32', shape: [1], data: bytesOf(Float32Array.of(1)) };
const two = { ...one, data: bytesOf(Float32Array.of(2)) };

/**
 * np.savez_compressed by NumPy 2.4 with arange(6).reshape(2, 3) / 4 as `a/c_order`, in Fortran order
 * as `a/fortran`, as float16 `half`, big-endian float64 `double:0` and ml_dtypes.bfloat16 `bf`; the
 * integer `count`; and arange(24).reshape(2, 3, 4) in Fortran order as `cube`.
 */
const compressed = Buffer.from(
  'UEsDBC0AAAAIAAAAIQAKnACk//////////8NABQAYS9jX29yZGVyLm5weQEAEACYAAAAAAAAAFYAAAAAAAAAm+wX' +
    '6hsQychQxlCtnpJanFykbqWgbpNmoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKxpo6CrUKZAMu' +
    'BjBosAMS9gwMDkDcAMQL7AFQSwMELQAAAAgAAAAhAFofYjj//////////w0AFABhL2ZvcnRyYW4ubnB5AQAQAJgA' +
    'AAAAAAAAVQAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChIPKSpNBQoXZyQW' +
    'pAK5GkY6CsaaOgq1CuQDLgYwcLBnYGiwA2IgzQDEC+wBUEsDBC0AAAAIAAAAIQBya6IG//////////8IABQAaGFs' +
    'Zi5ucHkBABAAjAAAAAAAAABSAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqSuo6Cell9UUpSYF59flJIK' +
    'EndLzClOBYoXZyQWpAL5GkY6CsaaOgq1CmQDLgYGBhMGCwYrBhsGWwBQSwMELQAAAAgAAAAhACFdekn/////////' +
    '/wwAFABkb3VibGU6MC5ucHkBABAAsAAAAAAAAABXAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6XZqGuo6Ce' +
    'll9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsaaOgq1CmQDLgYosL8ApR9A6RdQ+gOU/gKhAVBLAwQtAAAA' +
    'CAAAACEAL9Zrsf//////////BgAUAGJmLm5weQEAEACMAAAAAAAAAFIAAAAAAAAAm+wX6hsQychQxlCtnpJanFyk' +
    'bqWgbhNmpK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKxpo6CrUKZAMuBoYGOwZ7B/sG+wX2AFBL' +
    'AwQtAAAACAAAACEAI7jwbP//////////CQAUAGNvdW50Lm5weQEAEACIAAAAAAAAAEYAAAAAAAAAm+wX6hsQychQ' +
    'xlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkamjoKtQoUAS52BggAAFBLAwQt' +
    'AAAACAAAACEAo29TI///////////CAAUAGN1YmUubnB5AQAQAOAAAAAAAAAAhwAAAAAAAACb7BfqGxDJyFDGUK2e' +
    'klqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChIPKSpNBQoXZyQWpAK5GkY6CsY6CiaaOgq1CmQCLgYwcHBkYGhw' +
    'AGIgzQDEC0B8ewaGABAbKN4BpAWAeAVIHshPANIHgPQEIK0AxBuA2AHILwDSD4D0DCBtAMQ7HAFQSwECLQMtAAAA' +
    'CAAAACEACpwApFYAAACYAAAADQAAAAAAAAAAAAAAgAEAAAAAYS9jX29yZGVyLm5weVBLAQItAy0AAAAIAAAAIQBa' +
    'H2I4VQAAAJgAAAANAAAAAAAAAAAAAACAAZUAAABhL2ZvcnRyYW4ubnB5UEsBAi0DLQAAAAgAAAAhAHJrogZSAAAA' +
    'jAAAAAgAAAAAAAAAAAAAAIABKQEAAGhhbGYubnB5UEsBAi0DLQAAAAgAAAAhACFdeklXAAAAsAAAAAwAAAAAAAAA' +
    'AAAAAIABtQEAAGRvdWJsZTowLm5weVBLAQItAy0AAAAIAAAAIQAv1muxUgAAAIwAAAAGAAAAAAAAAAAAAACAAUoC' +
    'AABiZi5ucHlQSwECLQMtAAAACAAAACEAI7jwbEYAAACIAAAACQAAAAAAAAAAAAAAgAHUAgAAY291bnQubnB5UEsB' +
    'Ai0DLQAAAAgAAAAhAKNvUyOHAAAA4AAAAAgAAAAAAAAAAAAAAIABVQMAAGN1YmUubnB5UEsFBgAAAAAHAAcAhwEA' +
    'ABYEAAAAAA==',
  'base64',
);
/** np.savez, uncompressed, of the same quarters as `scope/weights`. */
const stored = Buffer.from(
  'UEsDBC0AAAAAAAAAIQAKnACk//////////8RABQAc2NvcGUvd2VpZ2h0cy5ucHkBABAAmAAAAAAAAACYAAAAAAAA' +
    'AJNOVU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgyLCAz' +
    'KSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAA' +
    'AAAAgD4AAAA/AABAPwAAgD8AAKA/UEsBAi0DLQAAAAAAAAAhAAqcAKSYAAAAmAAAABEAAAAAAAAAAAAAAIABAAAA' +
    'AHNjb3BlL3dlaWdodHMubnB5UEsFBgAAAAABAAEAPwAAANsAAAAAAA==',
  'base64',
);

describe('a safetensors file', () => {
  test('gives its tensors as float32, whatever floating-point type they have', () => {
    const contents = contentsOf(
      safetensorsOf({
        single: { dtype: 'F32', shape: [2, 3], data: bytesOf(Float32Array.from(quarters)) },
        double: { dtype: 'F64', shape: [6], data: bytesOf(Float64Array.from(quarters)) },
        half: { dtype: 'F16', shape: [3], data: Uint8Array.of(0, 0x3c, 0, 0xc0, 1, 0) },
        brain: { dtype: 'BF16', shape: [2], data: Uint8Array.of(0x80, 0x3f, 0x40, 0xc0) },
        scalar: { ...one, shape: [] },
        empty: { ...one, shape: [0], data: new Uint8Array() },
      }),
    );
    expect(contents).toEqual({
      single: [[2, 3], quarters],
      double: [[6], quarters],
      half: [[3], [1, -2, 2 ** -24]],
      brain: [[2], [1, -3]],
      scalar: [[], [1]],
      empty: [[0], []],
    });
  });

  test('is read by variable: without :0, and with the moving average where there is one', () => {
    expect(
      contentsOf(
        safetensorsOf({
          'a/weights:0': one,
          'a/weights/ExponentialMovingAverage:0': two,
          'b/ExponentialMovingAverage': two,
          c: one,
        }),
      ),
    ).toEqual({ 'a/weights': [[1], [2]], b: [[1], [2]], c: [[1], [1]] });
    expect(messageOf(safetensorsOf({ 'a:0': one, a: two }))).toMatch(/both a:0 and a stand for a$/);
  });

  test.each([
    ['nothing', Buffer.alloc(0), /has 0 bytes/],
    ['garbage', Buffer.alloc(100, 'x'), /header would have 8680820740569200760 bytes, of 100/],
    ['a header longer than the file', rawSafetensors('{}').subarray(0, 9), /header would have 2 /],
    ['a header that is no JSON', rawSafetensors('{"a":'), /header is no JSON/],
    ['a header that is a list', rawSafetensors('[]'), /must be a JSON object/],
    ['an entry that is null', rawSafetensors('{"a":null}'), /tensor "a" has no dtype/],
    ['a negative size', entry('{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}'), /shape \[-1\]/],
    ['no offsets', entry('{"dtype":"F32","shape":[1]}'), /data_offsets undefined/],
    [
      'offsets beyond the end',
      entry('{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'),
      /is at bytes 0 to 8 of the data, which has 4; is it whole/,
    ],
    [
      'offsets the wrong way round',
      entry('{"dtype":"F32","shape":[1],"data_offsets":[4,0]}'),
      /bytes 4 to 0/,
    ],
    [
      'an absurd shape',
      entry('{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,4]}'),
      /has 4 bytes where .* takes 3\.\d+e\+32/,
    ],
    [
      'integers',
      entry('{"dtype":"I32","shape":[1],"data_offsets":[0,4]}'),
      /is of type I32, not floating-point/,
    ],
    [
      'a type named like a method',
      entry('{"dtype":"toString","shape":[1],"data_offsets":[0,4]}'),
      /is of type toString/,
    ],
  ])('with %s is refused', (_, bytes, message) => {
    expect(messageOf(bytes)).toMatch(message);
  });

  function entry(text: string): Buffer {
    return rawSafetensors(`{"a":${text}}`, new Uint8Array(4));
  }
});

describe('an npz file', () => {
  test('gives what NumPy wrote: types, byte order, Fortran order, stored or deflated', () => {
    const file = openWeightFile(pathOf(compressed));
    const { count, ...floats } = Object.fromEntries(file.tensors);
    const cube = Array.from({ length: 24 }, (_, i) => i);
    expect(
      Object.entries(floats).map(([name, tensor]) => [name, tensor.dims, [...tensor.read()]]),
    ).toEqual([
      ['a/c_order', [2, 3], quarters],
      ['a/fortran', [2, 3], quarters],
      ['half', [2, 3], quarters],
      ['double', [2, 3], quarters],
      ['bf', [2, 3], quarters],
      ['cube', [2, 3, 4], cube],
    ]);
    expect(count).toMatchObject({ type: '<i8', format: undefined, dims: [] });
    expect(() => count?.read()).toThrow(/is of type <i8/);
    file.close();
    expect(contentsOf(stored)).toEqual({ 'scope/weights': [[2, 3], quarters] });
  });

  test('cut short anywhere is refused', () => {
    for (let length = 0; length < stored.length; length += 1) {
      expect(messageOf(stored.subarray(0, length))).toMatch(/^weights file /);
    }
  });
});

test('bytes changed at random give a clear error or an answer, never another error', () => {
  const samples = [compressed, stored, safetensorsOf({ a: one, b: two })];
  const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(change, { minLength: 1 }),
      (file, changes) => {
        const bytes = Buffer.from(file);
        for (const { at, to } of changes) bytes[at % bytes.length] = to;
        messageOf(bytes);
      },
    ),
    { numRuns: 300 },
  );
});

test('every half-precision number is read as the number that it is', () => {
  const words = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);
  const numbers = toFloat32(new Uint8Array(words.buffer), 'FP16');
  expect([...numbers.subarray(1, 3)]).toEqual([2 ** -24, 2 ** -23]);
  expect([numbers[0x3ff], numbers[0x400], numbers[0x7bff]]).toEqual([
    1023 * 2 ** -24,
    2 ** -14,
    65504,
  ]);
  expect(numbers.every((value, i) => i === 0 || value > (numbers[i - 1] as number))).toBe(true);
  const special = toFloat32(Uint8Array.of(0, 0x7c, 0, 0xfc, 1, 0x7c, 0, 0x80), 'FP16');
  expect([...special]).toEqual([Infinity, -Infinity, Number.NaN, -0]);
});

test('a file that is not there, and a folder, are told apart from bad ones', () => {
  expect(() => openWeightFile(join(directory, 'nowhere'))).toThrow(
    expect.objectContaining({ code: 'not-found' }) as Error,
  );
  expect(() => openWeightFile(directory)).toThrow(/it is not a file/);
});
