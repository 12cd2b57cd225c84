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
        const wanted = frames.map(({ message, payload }) => ({
          message: JSON.parse(JSON.stringify(message)) as unknown,
          payload,
        }));
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
        expect(received).toEqual(wanted);
      }),
    );
  });

  it('are read into their place when the message is large, too', () => {
    const message = { text: 'größer '.repeat(20_000) };
    const stream = Buffer.concat([encodeFrameHead(message, 3), Buffer.from([1, 2, 3])]);
    const received: unknown[] = [];
    const reader = new FrameReader<unknown>({
      allocate: (bytes) => new ArrayBuffer(bytes),
      onFrame: (got, buffer) => received.push(got, new Uint8Array(buffer)),
    });
    let reads = 0;
    for (let at = 0; at < stream.length; reads += 1) {
      const room = reader.room();
      const bytes = Math.min(room.length, stream.length - at);
      room.set(stream.subarray(at, at + bytes));
      reader.took(bytes);
      at += bytes;
    }
    expect(received).toEqual([message, Uint8Array.of(1, 2, 3)]);
    expect(reads).toBeLessThan(5);
  });

  it('are read into their place, however few bytes come at a time', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 70_000 }), { minLength: 1, maxLength: 4 });
    const reads = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 });
    fc.assert(
      fc.property(sizes, reads, (payloads, most) => {
        const stream = Buffer.concat(
          payloads.flatMap((bytes, i) => [
            encodeFrameHead(i, bytes),
            Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + i) % 251)),
          ]),
        );
        const received: number[] = [];
        const reader = new FrameReader<number>({
          allocate: (bytes) => new ArrayBuffer(bytes),
          onFrame: (i, buffer, bytes) => {
            expect(new Uint8Array(buffer).every((byte, at) => byte === (at * 7 + i) % 251)).toBe(
              true,
            );
            received.push(bytes);
          },
        });
        let at = 0;
        for (let i = 0; at < stream.length; i += 1) {
          const room = reader.room();
          const bytes = Math.min(room.length, most[i % most.length] as number, stream.length - at);
          room.set(stream.subarray(at, at + bytes));
          reader.took(bytes);
          at += bytes;
        }
        expect(received).toEqual(payloads);
      }),
      { numRuns: 50 },
    );
  });
});
