import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PreprocessingName } from './image-signature.ts';
import { preprocessingHints } from './image-signature.ts';
import { slimTensorMaker, type PreprocessingSpec, type RgbPixels } from './preprocess.ts';
// Written by `python tests/datasets/slim_reference.py expected`, with TensorFlow 2.21.
import expected from './slim-expected.json' with { type: 'json' };
import type { SlimResize } from './slim-resize.ts';

/** The same picture as in slim_reference.py. */
function pattern(width: number, height: number): RgbPixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let channel = 0; channel < 3; channel += 1, at += 1) {
        data[at] = (x * 7 + y * 13 + x * y + channel * 29) % 256;
      }
    }
  }
  return { data, width, height };
}

function specOf(
  size: number,
  resize: SlimResize,
  change: Partial<PreprocessingSpec> = {},
): PreprocessingSpec {
  const plain = { layout: 'NHWC', channelOrder: 'RGB', datatype: 'FP32' } as const;
  return { width: size, height: size, resize, ...plain, ...change };
}

const whole: SlimResize = { kind: 'central-crop', fraction: 1 };

describe("TF-Slim's preprocessing", () => {
  it.each(expected.cases)('is that of TensorFlow: $rule, $width x $height to $size', (known) => {
    const { resize } = preprocessingHints[known.rule as PreprocessingName];
    const make = slimTensorMaker(specOf(known.size, resize as SlimResize), resize as SlimResize);
    const values = make(pattern(known.width, known.height)).data as Float32Array;
    for (const { y, x, rgb } of known.pixels) {
      const at = (y * known.size + x) * 3;
      rgb.forEach((value, channel) => {
        expect(values[at + channel]).toBeCloseTo(value, 2);
      });
    }
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(
      known.mean,
      2,
    );
  });

  it('leaves pixels alone where the size stays', () => {
    const picture = pattern(32, 32);
    const { data } = slimTensorMaker(specOf(32, whole, { datatype: 'UINT8' }), whole)(picture);
    expect(data).toEqual(picture.data);
  });

  it('never leaves the range of the pixels, whatever the sizes', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const rules = fc.oneof(
      fc.record({
        kind: fc.constant('central-crop' as const),
        fraction: fc.double({ min: 0.05, max: 1, noNaN: true }),
      }),
      fc.record({
        kind: fc.constant('shorter-side' as const),
        px: fc.integer({ min: 8, max: 50 }),
      }),
    );
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 1, max: 8 }),
        rules,
        (width, height, side, resize) => {
          const picture = pattern(width, height);
          const values = slimTensorMaker(specOf(side, resize), resize)(picture)
            .data as Float32Array;
          const least = Math.min(...picture.data) - 0.001;
          const most = Math.max(...picture.data) + 0.001;
          expect(values.every((value) => value >= least && value <= most)).toBe(true);
        },
      ),
    );
  });

  it('puts channels and layouts where the model wants them, normalized', () => {
    const picture = pattern(4, 4);
    const normalization = { scale: 1 / 255, mean: [0.5, 0.4, 0.3], std: [0.5, 0.5, 1] } as const;
    const make = (change: Partial<PreprocessingSpec>): number[] => [
      ...(slimTensorMaker(specOf(4, whole, change), whole)(picture).data as Float32Array),
    ];
    const plain = make({});
    const planes = make({ layout: 'NCHW', channelOrder: 'BGR', normalization });
    for (let pixel = 0; pixel < 16; pixel += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        const value = (plain[pixel * 3 + (2 - channel)] as number) / 255;
        const { mean, std } = normalization;
        const wanted = (value - (mean[channel] as number)) / (std[channel] as number);
        expect(planes[channel * 16 + pixel]).toBeCloseTo(wanted, 5);
      }
    }
  });

  it.each([
    [{ kind: 'central-crop', fraction: 0 }, /central fraction/],
    [{ kind: 'central-crop', fraction: 1.1 }, /central fraction/],
    [{ kind: 'shorter-side', px: 223 }, /at least 224/],
  ] as const)('refuses %j', (resize, message) => {
    expect(() => slimTensorMaker(specOf(224, resize), resize)).toThrow(message);
  });
});
