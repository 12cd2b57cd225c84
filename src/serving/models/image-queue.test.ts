import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../tensor/row.ts';
import { ImageQueue } from './image-queue.ts';

/** Decodes when told to; an image is one byte, and so is its row. */
class ByHand {
  readonly started: number[] = [];
  readonly #open: (() => void)[] = [];

  readonly decode = (image: Uint8Array): Promise<Row> => {
    const [byte = 0] = image;
    this.started.push(byte);
    return new Promise((resolve, reject) => {
      this.#open.push(() => {
        if (byte === 255) reject(new Error('no image'));
        else resolve([{ data: image, dims: [1] }]);
      });
    });
  };

  get open(): number {
    return this.#open.length;
  }

  /** Ends the one at `at` of those that have begun. */
  async end(at = 0): Promise<void> {
    this.#open.splice(at, 1)[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function imagesOf(...bytes: number[]): Uint8Array[] {
  return bytes.map((byte) => Uint8Array.of(byte));
}

function bytesOf(rows: readonly Row[]): unknown[] {
  return rows.map(([tensor]) => tensor?.data[0]);
}

describe('a queue of images', () => {
  it('decodes no more than so many at a time, and gives rows in the order of the images', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 254 }), { minLength: 1, maxLength: 5 })),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat()),
        async (requests, most, choices) => {
          const byHand = new ByHand();
          const queue = new ImageQueue(byHand.decode, most);
          const answers = requests.map((bytes) => queue.decode(imagesOf(...bytes)).rows);
          while (byHand.open > 0) {
            expect(byHand.open).toBeLessThanOrEqual(most);
            await byHand.end((choices.next().value as number) % byHand.open);
          }
          expect((await Promise.all(answers)).map(bytesOf)).toEqual(requests);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('lets requests take turns', async () => {
    const byHand = new ByHand();
    const queue = new ImageQueue(byHand.decode, 1);
    void queue.decode(imagesOf(1, 2, 3, 4));
    const late = queue.decode(imagesOf(9));
    await byHand.end();
    await byHand.end();
    await byHand.end();
    expect(bytesOf(await late.rows)).toEqual([9]);
    expect(byHand.started).toEqual([1, 2, 9, 3]);
  });

  it('does not decode what was withdrawn', async () => {
    const byHand = new ByHand();
    const queue = new ImageQueue(byHand.decode, 1);
    const gone = queue.decode(imagesOf(1, 2));
    const other = queue.decode(imagesOf(3));
    gone.withdraw();
    await byHand.end();
    await byHand.end();
    expect(bytesOf(await other.rows)).toEqual([3]);
    expect(byHand.started).toEqual([1, 3]);
  });

  it('rejects a request for its first image that is no good, and drops the rest of it', async () => {
    const byHand = new ByHand();
    const queue = new ImageQueue(byHand.decode, 1);
    const rejected = expect(queue.decode(imagesOf(255, 1)).rows).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    const other = queue.decode(imagesOf(2));
    await byHand.end();
    await rejected;
    await byHand.end();
    expect(bytesOf(await other.rows)).toEqual([2]);
    expect(byHand.started).toEqual([255, 2]);
  });
});
