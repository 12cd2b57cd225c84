import { describe, expect, it } from 'vitest';
import type { PackedTensor } from './protocol.ts';
import { LastLayout } from './thread-messages.ts';

const tensor = { dims: [2, 3], byteOffset: 64, byteLength: 24 };
const strings: readonly PackedTensor[] = [{ dims: [1], strings: ['a'] }];

function after(tensors: readonly PackedTensor[]): LastLayout {
  const layout = new LastLayout();
  layout.remember(tensors);
  return layout;
}

describe('LastLayout', () => {
  it('equals tensors with the same dimensions in the same places', () => {
    expect(after([tensor, tensor]).equals([{ ...tensor, dims: [2, 3] }, tensor])).toBe(true);
    expect(after([]).equals([])).toBe(true);
    expect(after([tensor]).tensors).toEqual([tensor]);
  });

  it.each<[string, readonly PackedTensor[]]>([
    ['another number of tensors', [tensor, tensor]],
    ['none', []],
    ['another shape of as many bytes', [{ ...tensor, dims: [3, 2] }]],
    ['another number of dimensions', [{ ...tensor, dims: [2, 3, 1] }]],
    ['another place', [{ ...tensor, byteOffset: 128 }]],
    ['another length', [{ ...tensor, byteLength: 12 }]],
    ['strings', strings],
  ])('does not equal %s', (_, other) => {
    expect(after([tensor]).equals(other)).toBe(false);
    expect(after(other).equals([tensor])).toBe(false);
  });

  it('equals nothing, and tells none, before the first and after strings', () => {
    for (const layout of [new LastLayout(), after(strings)]) {
      expect(layout.equals([])).toBe(false);
      expect(layout.equals(strings)).toBe(false);
      expect(() => layout.tensors).toThrow('not known');
    }
  });

  it('is not changed with the tensors that were remembered', () => {
    const dims = [2, 3];
    const layout = after([{ ...tensor, dims }]);
    dims.reverse();
    expect(layout.equals([{ ...tensor, dims }])).toBe(false);
    expect(layout.equals([tensor])).toBe(true);
  });
});
