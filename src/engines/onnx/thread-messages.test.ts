import { describe, expect, it } from 'vitest';
import type { PackedTensor } from './protocol.ts';
import { liesTheSame } from './thread-messages.ts';

const tensor = { dims: [2, 3], byteOffset: 64, byteLength: 24 };

describe('liesTheSame', () => {
  it('is true of tensors with the same dimensions in the same places', () => {
    expect(liesTheSame([tensor, tensor], [{ ...tensor, dims: [2, 3] }, tensor])).toBe(true);
    expect(liesTheSame([], [])).toBe(true);
  });

  it.each<[string, readonly PackedTensor[]]>([
    ['another number of tensors', [tensor, tensor]],
    ['none', []],
    ['another shape of as many bytes', [{ ...tensor, dims: [3, 2] }]],
    ['another number of dimensions', [{ ...tensor, dims: [2, 3, 1] }]],
    ['another place', [{ ...tensor, byteOffset: 128 }]],
    ['another length', [{ ...tensor, byteLength: 12 }]],
    ['strings', [{ dims: [2, 3], strings: ['a', 'b', 'c', 'd', 'e', 'f'] }]],
  ])('is false of %s', (_, other) => {
    expect(liesTheSame([tensor], other)).toBe(false);
    expect(liesTheSame(other, [tensor])).toBe(false);
  });

  it('is false of the same strings: they are not kept', () => {
    const strings = [{ dims: [1], strings: ['a'] }];
    expect(liesTheSame(strings, strings)).toBe(false);
  });
});
