import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { arrays, type Datatype, type NumericDatatype } from '../tensor/dtype.ts';
import type { ModelSignature } from '../tensor/row.ts';
import { randomRow } from './random-row.ts';

function model(datatype: Datatype, dims: readonly number[] = [1000]): ModelSignature {
  return { inputs: [{ name: 'x', datatype, dims }], outputs: [] };
}

function values(datatype: Datatype, integersBelow?: number): (number | bigint | string)[] {
  const options = integersBelow === undefined ? {} : { integersBelow: { x: integersBelow } };
  const [tensor] = randomRow(model(datatype), new Random(5), options);
  return [...(tensor?.data as Iterable<number | bigint | string>)];
}

function spread(numbers: readonly number[]): { mean: number; deviation: number } {
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const square = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  return { mean, deviation: Math.sqrt(square) };
}

/** The number that IEEE half-precision bits stand for. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

describe('randomRow', () => {
  it('has a tensor of the right kind for every numeric type', () => {
    for (const datatype of Object.keys(arrays) as NumericDatatype[]) {
      const [tensor] = randomRow(model(datatype, [2, 3]), new Random(1));
      expect(tensor?.data).toBeInstanceOf(arrays[datatype]);
      expect(tensor?.data).toHaveLength(6);
      expect(tensor?.dims).toEqual([2, 3]);
    }
  });

  it.each(['FP32', 'FP64'] as const)('draws %s with mean 0 and deviation 1', (datatype) => {
    const { mean, deviation } = spread(values(datatype) as number[]);
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.1);
  });

  it('draws FP16 as the halves of the same numbers', () => {
    const halves = (values('FP16') as number[]).map(fromHalf);
    const wholes = values('FP64') as number[];
    halves.forEach((half, i) => {
      const whole = wholes[i] as number;
      expect(Math.abs(half - whole)).toBeLessThanOrEqual(
        Math.max(2 ** -14, Math.abs(whole) / 1024),
      );
    });
  });

  it.each(['BOOL', 'INT8', 'UINT16', 'INT32', 'INT64', 'UINT64'] as const)(
    'draws %s as 0 and 1, which any embedding or mask accepts',
    (datatype) => {
      expect(new Set(values(datatype).map(Number))).toEqual(new Set([0, 1]));
    },
  );

  it('draws UINT8 over the range of pixels', () => {
    const drawn = values('UINT8') as number[];
    expect(Math.max(...drawn)).toBeGreaterThan(240);
    expect(Math.min(...drawn)).toBeLessThan(15);
  });

  it('draws integers below a vocabulary when told its size', () => {
    const drawn = values('INT64', 50).map(Number);
    expect(Math.max(...drawn)).toBe(49);
    expect(Math.min(...drawn)).toBe(0);
  });

  it('makes one tensor per input, strings among them', () => {
    const inputs = [
      { name: 'a', datatype: 'FP32', dims: [] },
      { name: 'b', datatype: 'BYTES', dims: [2] },
    ] as const;
    const row = randomRow({ inputs, outputs: [] }, new Random(1));
    expect(row.map((tensor) => tensor.data.length)).toEqual([1, 2]);
    expect((row[1]?.data as string[]).every((text) => /^[0-9a-z]+$/.test(text))).toBe(true);
  });

  it('is the same for the same seed and another for another', () => {
    const rowOf = (seed: number) => randomRow(model('FP32'), new Random(seed));
    expect(rowOf(3)).toEqual(rowOf(3));
    expect(rowOf(3)).not.toEqual(rowOf(4));
  });

  it('asks for dimensions that are open', () => {
    expect(() => randomRow(model('FP32', [-1, 8]), new Random(1))).toThrow(
      'the input x leaves some of [?, 8] open: fix them with --shape',
    );
  });
});
