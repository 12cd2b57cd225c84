import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowBytesOf, tensorMaker, type PreprocessingSpec } from './preprocess.ts';

const base: PreprocessingSpec = {
  width: 2,
  height: 1,
  resize: 'cover',
  layout: 'NHWC',
  channelOrder: 'RGB',
  datatype: 'UINT8',
};
const normalization = { scale: 1 / 255, mean: [0.5, 0.4, 0.3], std: [0.5, 0.2, 0.1] } as const;

/** Two pixels: RGB 1, 2, 3 and RGB 4, 5, 6. */
const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6);

describe('tensorMaker', () => {
  it.each([
    ['NHWC', 'RGB', [1, 2, 3, 4, 5, 6], [1, 2, 3]],
    ['NHWC', 'BGR', [3, 2, 1, 6, 5, 4], [1, 2, 3]],
    ['NCHW', 'RGB', [1, 4, 2, 5, 3, 6], [3, 1, 2]],
    ['NCHW', 'BGR', [3, 6, 2, 5, 1, 4], [3, 1, 2]],
  ] as const)('lays pixels out as %s %s', (layout, channelOrder, data, dims) => {
    const tensor = tensorMaker({ ...base, layout, channelOrder })(pixels);
    expect(tensor.data).toEqual(Uint8Array.from(data));
    expect(tensor.dims).toEqual(dims);
    const floats = tensorMaker({ ...base, layout, channelOrder, datatype: 'FP32' })(pixels);
    expect(floats.data).toEqual(Float32Array.from(data));
  });

  it('normalizes by the channel of the tensor', () => {
    const black = new Uint8Array(6);
    const rgb = tensorMaker({ ...base, datatype: 'FP32', normalization })(black);
    const expected = [-1, -0.4 / 0.2, -0.3 / 0.1].map(Math.fround);
    expect([...(rgb.data as Float32Array)]).toEqual([...expected, ...expected]);
    const bgr = tensorMaker({ ...base, channelOrder: 'BGR', datatype: 'FP32', normalization });
    expect([...(bgr(black).data as Float32Array)]).toEqual([...expected, ...expected]);
  });

  it('equals the formula, value by value, for any image and any arrangement', () => {
    const arbitrary = fc.record({
      width: fc.integer({ min: 1, max: 9 }),
      height: fc.integer({ min: 1, max: 9 }),
      layout: fc.constantFrom('NHWC' as const, 'NCHW' as const),
      channelOrder: fc.constantFrom('RGB' as const, 'BGR' as const),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(arbitrary, ({ width, height, layout, channelOrder, seed }) => {
        const image = Uint8Array.from(
          { length: width * height * 3 },
          (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24,
        );
        const spec = { ...base, width, height, layout, channelOrder, normalization };
        const { data } = tensorMaker({ ...spec, datatype: 'FP32' })(image);
        for (let y = 0; y < height; y += 1) {
          for (let x = 0; x < width; x += 1) {
            for (let c = 0; c < 3; c += 1) {
              const at = layout === 'NHWC' ? (y * width + x) * 3 + c : (c * height + y) * width + x;
              const source = channelOrder === 'RGB' ? c : 2 - c;
              const pixel = image[(y * width + x) * 3 + source] as number;
              const { scale, mean, std } = normalization;
              const expected = (pixel * scale - (mean[c] as number)) / (std[c] as number);
              expect(data[at]).toBe(Math.fround(expected));
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives each tensor its own memory', () => {
    const toTensor = tensorMaker(base);
    const tensor = toTensor(pixels);
    expect(toTensor(pixels).data).not.toBe(tensor.data);
    expect((tensor.data as Uint8Array).buffer).not.toBe(pixels.buffer);
  });

  it('refuses pixels of another size', () => {
    expect(() => tensorMaker(base)(new Uint8Array(5))).toThrow(/2 x 1 x 3 bytes; received 5/);
  });

  it.each([
    [{ width: 0 }, /image width must be a positive whole number; received 0/],
    [{ height: 1.5 }, /image height .* received 1\.5/],
    [{ padding: 256 }, /padding .* received 256/],
    [{ normalization }, /normalization needs values of type FP32; received "UINT8"/],
    [
      { datatype: 'FP32', normalization: { ...normalization, std: [1, 0, 1] } },
      /standard deviations over 0/,
    ],
    [{ datatype: 'FP32', normalization: { ...normalization, scale: NaN } }, /finite numbers/],
  ] as const)('refuses the spec %o', (change, message) => {
    expect(() => tensorMaker({ ...base, ...change })).toThrow(message);
  });
});

describe('rowBytesOf', () => {
  it('counts 1 byte a value for UINT8 and 4 for FP32', () => {
    expect(rowBytesOf({ ...base, width: 224, height: 224 })).toBe(150_528);
    expect(rowBytesOf({ ...base, width: 224, height: 224, datatype: 'FP32' })).toBe(602_112);
  });
});
