import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SampleBuffer } from './sample-buffer.ts';

describe('SampleBuffer', () => {
  it('keeps everything pushed since it was last cleared, in order', () => {
    const steps = fc.array(fc.oneof(fc.double({ noNaN: true }), fc.constant('clear' as const)));
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 8 }), (sequence, capacity) => {
        const buffer = new SampleBuffer(capacity);
        let expected: number[] = [];
        for (const step of sequence) {
          if (step === 'clear') {
            buffer.clear();
            expected = [];
          } else {
            buffer.push(step);
            expected.push(step);
          }
          expect(buffer.count).toBe(expected.length);
        }
        expect([...buffer.toArray()]).toEqual(expected);
        expect(buffer.countOver(0)).toBe(expected.filter((value) => value > 0).length);
      }),
    );
  });

  it('hands out copies', () => {
    const buffer = new SampleBuffer();
    buffer.push(1);
    const copy = buffer.toArray();
    buffer.clear();
    buffer.push(2);
    expect([...copy]).toEqual([1]);
  });
});
