import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestQueue } from './request-queue.ts';

type Step = { readonly push: number } | { readonly take: number } | { readonly drop: number };

interface Numbered {
  readonly id: number;
  dropped: boolean;
}

const steps = fc.array(
  fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ take: fc.integer({ min: 0, max: 25 }) }),
    fc.record({ drop: fc.nat({ max: 40 }) }),
  ),
  { maxLength: 60 },
);

describe('RequestQueue', () => {
  it('behaves like a plain list, through growth and wrap-around', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 2, 4, 64), (sequence: Step[], capacity) => {
        const queue = new RequestQueue<Numbered>(capacity);
        const model: Numbered[] = [];
        let id = 0;
        for (const step of sequence) {
          if ('push' in step) {
            for (let i = 0; i < step.push; i += 1) {
              const request = { id, dropped: false };
              id += 1;
              queue.push(request);
              model.push(request);
            }
          } else if ('drop' in step) {
            const [dropped] = model.splice(step.drop % Math.max(1, model.length), 1);
            if (dropped !== undefined) queue.drop(dropped);
          } else {
            expect(queue.take(step.take)).toEqual(model.splice(0, step.take));
          }
          expect(queue.length).toBe(model.length);
          expect(queue.peek()).toBe(model[0]);
        }
        expect(queue.take(Number.POSITIVE_INFINITY)).toEqual(model);
      }),
    );
  });
});
