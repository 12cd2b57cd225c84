import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../random.ts';
import { elementBytes, elementCount } from '../../tensor/dtype.ts';
import type { Datatype } from '../../tensor/dtype.ts';
import { batchBytes, listBatch, packBatch, splitReplies, unpack } from './batch.ts';
import { BufferPool } from './buffer-pool.ts';
import { makeUpRow } from './made-up-rows.ts';
import type { TensorLayout } from './model-layout.ts';
import { sameTensor } from './same-tensor.ts';

const datatypes: readonly Datatype[] = [
  ...(['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16'] as const),
  ...(['INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'] as const),
];

const layouts = fc.array(
  fc.record({
    name: fc.constant('t'),
    datatype: fc.constantFrom(...datatypes),
    dims: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    batched: fc.constant(true),
  }),
  { minLength: 1, maxLength: 4 },
);
const fresh = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes);

describe('batches', () => {
  it('give back every row that was put in, padding aside', () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 1, max: 5 }), fc.nat(3), (tensors, count, padding) => {
        const random = new Random(3);
        const rows = Array.from({ length: count }, () => makeUpRow(tensors, 'random', random));
        const size = count + padding;
        // A buffer that is used again is larger than needed, and not empty.
        const take = (bytes: number): ArrayBuffer => new Uint8Array(bytes + 64).fill(0xab).buffer;
        const batch = packBatch(tensors, rows, size, take);
        for (const [index, packed] of batch.tensors.entries()) {
          expect(packed.dims).toEqual([size, ...(tensors[index]?.dims ?? [])]);
        }
        const replies = splitReplies(tensors, batch.tensors, batch.buffer, size);
        for (let i = 0; i < size; i += 1) {
          expect(replies.replyAt(i)).toEqual(rows[Math.min(i, count - 1)]);
        }
      }),
    );
  });

  it('are the same bytes when the rows are listed instead of copied', () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 1, max: 5 }), fc.nat(3), (tensors, count, padding) => {
        const random = new Random(5);
        const rows = Array.from({ length: count }, () => makeUpRow(tensors, 'random', random));
        const packed = packBatch(tensors, rows, count + padding, fresh);
        const listed = listBatch(tensors, rows, count + padding);
        expect(listed.tensors).toEqual(packed.tensors);
        expect(listed.usedBytes).toBe(packed.usedBytes);
        expect(Buffer.concat(listed.pieces)).toEqual(Buffer.from(packed.buffer));
      }),
    );
  });

  it('are not listed from rows of another length or type', () => {
    const tensors: TensorLayout[] = [{ name: 'x', datatype: 'FP32', dims: [2], batched: true }];
    const rowOf = (data: Float32Array | Int32Array) => [[{ data, dims: [2] }]];
    expect(() => listBatch(tensors, rowOf(new Float32Array(3)), 1)).toThrow(RangeError);
    expect(() => listBatch(tensors, rowOf(new Int32Array(2)), 1)).toThrow(TypeError);
  });

  it('lay tensors out aligned, one after the other, within the bytes announced', () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 1, max: 5 }), (tensors, count) => {
        const row = makeUpRow(tensors, 'ones', new Random(1));
        const batch = packBatch(tensors, [row], count, fresh);
        expect(batch.usedBytes).toBe(batchBytes(tensors, count));
        let end = 0;
        for (const [index, packed] of batch.tensors.entries()) {
          if ('strings' in packed) continue;
          const { datatype, dims } = tensors[index] as TensorLayout & { datatype: 'FP32' };
          expect(packed.byteOffset % 64).toBe(0);
          expect(packed.byteOffset).toBeGreaterThanOrEqual(end);
          expect(packed.byteLength).toBe(elementCount(dims) * count * elementBytes(datatype));
          end = packed.byteOffset + packed.byteLength;
        }
        expect(end).toBeLessThanOrEqual(batch.usedBytes);
      }),
    );
  });

  it('refuse a reply that has no row for each row of the batch', () => {
    const output: TensorLayout = { name: 'y', datatype: 'FP32', dims: [2], batched: true };
    const packed = [{ dims: [1, 2], byteOffset: 0, byteLength: 8 }];
    expect(() => splitReplies([output], packed, fresh(8), 3)).toThrow(
      'output y has the shape [1, 2] for a batch of 3 rows',
    );
    // A run of one row owns whatever comes out.
    const wide = [{ dims: [3, 2], byteOffset: 0, byteLength: 24 }];
    expect(splitReplies([output], wide, fresh(24), 1).replyAt(0)[0]?.dims).toEqual([3, 2]);
  });

  it('view what a run gave without copying it', () => {
    const buffer = Float32Array.of(1, 2, 3).buffer;
    const data = unpack({ datatype: 'FP32' }, { dims: [2], byteOffset: 4, byteLength: 8 }, buffer);
    expect(data).toEqual(Float32Array.of(2, 3));
    expect((data as Float32Array).buffer).toBe(buffer);
  });
});

describe('BufferPool', () => {
  it('gives out again what it got back, at the size in use', () => {
    const pool = new BufferPool(2);
    pool.resize(100);
    const first = pool.take(60);
    expect(first.byteLength).toBe(100);
    pool.give(first);
    expect(pool.take(100)).toBe(first);
    expect(pool.take(200).byteLength).toBe(200);
  });

  it('keeps no more than it was told, and none of another size', () => {
    const pool = new BufferPool(1);
    pool.resize(8);
    const [a, b] = [pool.take(8), pool.take(8)];
    pool.give(a);
    pool.give(b);
    expect(pool.take(8)).toBe(a);
    expect(pool.take(8)).not.toBe(b);
    pool.give(a);
    pool.resize(16);
    pool.give(b);
    expect(pool.take(8).byteLength).toBe(16);
  });
});

describe('sameTensor', () => {
  it('lets rounding pass and nothing more', () => {
    const base = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));
    const nudged = base.map((value) => value + 1e-5);
    const wrong = base.with(50, (base[50] as number) + 0.05);
    expect(sameTensor('FP32', base, nudged)).toBe(true);
    expect(sameTensor('FP32', base, wrong)).toBe(false);
    expect(sameTensor('FP32', base, base.subarray(1))).toBe(false);
    expect(sameTensor('FP32', new Float32Array(3), Float32Array.of(0, 0, 1e-9))).toBe(false);
  });

  it('takes NaN and infinity for equal to themselves alone', () => {
    const odd = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, 1);
    expect(sameTensor('FP64', odd, odd.slice())).toBe(true);
    expect(sameTensor('FP64', odd, odd.with(0, 1))).toBe(false);
    expect(sameTensor('FP64', odd, odd.with(1, 1))).toBe(false);
  });

  it('reads half precision', () => {
    const [one, nearlyOne, two, tiny] = [0x3c00, 0x3bff, 0x4000, 0x0001];
    expect(sameTensor('FP16', Uint16Array.of(one, tiny), Uint16Array.of(nearlyOne, 0))).toBe(true);
    expect(sameTensor('FP16', Uint16Array.of(one), Uint16Array.of(two))).toBe(false);
    expect(sameTensor('FP16', Uint16Array.of(0xbc00), Uint16Array.of(one))).toBe(false);
  });

  it('forgives integers one in a hundred', () => {
    const zeros = new Int32Array(100);
    expect(sameTensor('INT32', zeros, zeros.with(0, 1))).toBe(true);
    expect(sameTensor('INT32', zeros, zeros.with(0, 1).with(1, 1))).toBe(false);
    expect(sameTensor('INT64', BigInt64Array.of(1n), BigInt64Array.of(2n))).toBe(false);
    expect(sameTensor('BYTES', ['a'], ['b'])).toBe(false);
  });
});
