import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader, encodeFrameHead } from './frames.ts';

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    const frame = fc.record({ message: fc.jsonValue(), payload: fc.uint8Array({ maxLength: 50 }) });
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
        const stream = Buffer.concat(
          frames.flatMap(({ message, payload }) => [
            encodeFrameHead(message, payload.length),
            payload,
          ]),
        );
        const received: { message: unknown; payload: Uint8Array }[] = [];
        const reader = new FrameReader<unknown>({
          // Larger than asked for, as a buffer that is used again may be.
          allocate: (bytes) => new ArrayBuffer(bytes + 3),
          onFrame: (message, buffer, bytes) => {
            received.push({ message, payload: new Uint8Array(buffer.slice(0, bytes)) });
          },
        });
        let at = 0;
        for (let i = 0; at < stream.length; i += 1) {
          const bytes = cuts[i % Math.max(1, cuts.length)] ?? stream.length;
          const chunk = Buffer.from(stream.subarray(at, at + bytes));
          reader.push(chunk);
          chunk.fill(0xee);
          at += bytes;
        }
        expect(received).toEqual(
          frames.map(({ message, payload }) => ({
            message: JSON.parse(JSON.stringify(message)) as unknown,
            payload,
          })),
        );
      }),
    );
  });
});
