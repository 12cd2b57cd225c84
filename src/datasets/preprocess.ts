import { invalidArgument } from '../errors.ts';
import { elementBytes } from '../tensor/dtype.ts';
import type { RowTensor } from '../tensor/row.ts';
import { checkSlimResize, slimSamples, type AxisSamples, type SlimResize } from './slim-resize.ts';

/** One number per channel, in the order in which the tensor holds the channels. */
export type PerChannel = readonly [number, number, number];

/** FP32 values are `(pixel x scale - mean) / std`, with pixels in 0..255. */
export interface Normalization {
  readonly scale: number;
  readonly mean: PerChannel;
  /** Over 0. */
  readonly std: PerChannel;
}

/** How an image of any size becomes the one input of a model. */
export interface PreprocessingSpec {
  /** Of the tensor, in pixels. */
  readonly width: number;
  /** Of the tensor, in pixels. */
  readonly height: number;
  /**
   * What happens to an image of another aspect ratio: `stretch` distorts it, `cover` fills the
   * frame and crops what stands over, `contain` shows all of it and pads the rest. These smooth what
   * they shrink, as image libraries do; a `SlimResize` goes by TF-Slim's rules, to the value.
   */
  readonly resize: 'stretch' | 'cover' | 'contain' | SlimResize;
  /** Where the crop or the image lies in the frame; `centre` by default. */
  readonly position?: 'centre' | 'left-top';
  /** Grey level of the padding of `contain`, 0..255; 128 by default. */
  readonly padding?: number;
  /** Dimensions of the row: [height, width, 3] or [3, height, width]. */
  readonly layout: 'NHWC' | 'NCHW';
  readonly channelOrder: 'RGB' | 'BGR';
  readonly datatype: 'UINT8' | 'FP32';
  /** FP32 only; without it the values stay 0..255. */
  readonly normalization?: Normalization;
}

const channels = 3;

/** Bytes of one row. */
export function rowBytesOf(spec: PreprocessingSpec): number {
  return spec.width * spec.height * channels * elementBytes(spec.datatype);
}

/** @throws DnnScalerError `invalid-argument` naming the first part that is out of its range */
export function checkSpec(spec: PreprocessingSpec): void {
  for (const side of ['width', 'height'] as const) {
    if (!Number.isSafeInteger(spec[side]) || spec[side] < 1) {
      throw invalidArgument(`the image ${side}`, 'must be a positive whole number', spec[side]);
    }
  }
  const { padding = 0, normalization, resize } = spec;
  if (typeof resize === 'object') checkSlimResize(resize, spec.width, spec.height);
  if (!(padding >= 0 && padding <= 255)) {
    throw invalidArgument('the padding', 'must be a grey level from 0 to 255', padding);
  }
  if (normalization === undefined) return;
  if (spec.datatype !== 'FP32') {
    throw invalidArgument('an image normalization', 'needs values of type FP32', spec.datatype);
  }
  const { scale, mean, std } = normalization;
  if (![scale, ...mean, ...std].every(Number.isFinite) || !std.every((value) => value > 0)) {
    throw invalidArgument(
      'an image normalization',
      'must have finite numbers and standard deviations over 0',
      normalization,
    );
  }
}

/**
 * Makes the function that turns pixels into a tensor. Pixels are `width` x `height` of RGB bytes,
 * row by row; each call gives a tensor of its own memory.
 *
 * There are only 256 pixel values a channel, so the arithmetic is done here, once, into a table.
 *
 * @throws DnnScalerError `invalid-argument` when the spec is out of its ranges
 */
export function tensorMaker(spec: PreprocessingSpec): (pixels: Uint8Array) => RowTensor {
  checkSpec(spec);
  const valueCount = spec.width * spec.height * channels;
  const table = valueTable(spec);
  const arrangement = arrangementOf(spec);
  const dims = dimsOf(spec);
  return (pixels) => {
    if (pixels.length !== valueCount) {
      const rule = `must be ${spec.width} x ${spec.height} x ${channels} bytes`;
      throw invalidArgument('the pixels of an image', rule, pixels.length);
    }
    const data = makeValues(spec, valueCount);
    fill(data, pixels, table, arrangement);
    return { data, dims };
  };
}

/** Decoded pixels: RGB bytes, row by row. */
export interface RgbPixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * The same for pixels of any size, which are resized by TF-Slim's rules on the way. UINT8 values are
 * rounded; FP32 values never were.
 *
 * @throws DnnScalerError `invalid-argument` when the spec is out of its ranges
 */
export function slimTensorMaker(
  spec: PreprocessingSpec,
  resize: SlimResize,
): (pixels: RgbPixels) => RowTensor {
  checkSpec(spec);
  const valueCount = spec.width * spec.height * channels;
  const arrangement = arrangementOf(spec);
  const affine = affineOf(spec);
  const dims = dimsOf(spec);
  return (pixels) => {
    const { data: bytes, width, height } = pixels;
    if (bytes.length !== width * height * channels) {
      const rule = `must be ${width} x ${height} x ${channels} bytes`;
      throw invalidArgument('the pixels of an image', rule, bytes.length);
    }
    const data = makeValues(spec, valueCount);
    fillResized(data, pixels, slimSamples(resize, pixels, spec), affine, arrangement);
    return { data, dims };
  };
}

function dimsOf({ layout, width, height }: PreprocessingSpec): readonly number[] {
  return layout === 'NHWC' ? [height, width, channels] : [channels, height, width];
}

type Values = Uint8Array | Float32Array;

function makeValues(spec: PreprocessingSpec, length: number): Values {
  return spec.datatype === 'UINT8' ? new Uint8Array(length) : new Float32Array(length);
}

/** Tensor value of pixel value p in tensor channel c, at index 256 c + p. */
function valueTable(spec: PreprocessingSpec): Values {
  const { normalization } = spec;
  const table = makeValues(spec, channels * 256);
  for (let channel = 0; channel < channels; channel += 1) {
    const mean = normalization?.mean[channel] ?? 0;
    const std = normalization?.std[channel] ?? 1;
    const scale = normalization?.scale ?? 1;
    for (let pixel = 0; pixel < 256; pixel += 1) {
      table[channel * 256 + pixel] = (pixel * scale - mean) / std;
    }
  }
  return table;
}

/** Where the tensor holds what: steps are in elements, offsets within one RGB pixel. */
interface Arrangement {
  readonly pixelStep: number;
  readonly channelStep: number;
  readonly firstChannel: number;
  readonly lastChannel: number;
}

function arrangementOf(spec: PreprocessingSpec): Arrangement {
  const [pixelStep, channelStep] =
    spec.layout === 'NHWC' ? [channels, 1] : [1, spec.width * spec.height];
  const [firstChannel, lastChannel] = spec.channelOrder === 'RGB' ? [0, 2] : [2, 0];
  return { pixelStep, channelStep, firstChannel, lastChannel };
}

/** The one loop over every value of every image. */
function fill(data: Values, pixels: Uint8Array, table: Values, arrangement: Arrangement): void {
  const { pixelStep, channelStep, firstChannel, lastChannel } = arrangement;
  for (let from = 0, to = 0; from < pixels.length; from += channels, to += pixelStep) {
    data[to] = table[pixels[from + firstChannel] as number] as number;
    data[to + channelStep] = table[256 + (pixels[from + 1] as number)] as number;
    data[to + 2 * channelStep] = table[512 + (pixels[from + lastChannel] as number)] as number;
  }
}

/** Values of tensor channel c are `pixel x gain[c] + bias[c]`. */
interface Affine {
  readonly gain: PerChannel;
  readonly bias: PerChannel;
}

function affineOf({ datatype, normalization }: PreprocessingSpec): Affine {
  // Storing into bytes cuts the fraction off, so that a half more rounds.
  if (datatype === 'UINT8') return { gain: [1, 1, 1], bias: [0.5, 0.5, 0.5] };
  if (normalization === undefined) return { gain: [1, 1, 1], bias: [0, 0, 0] };
  const { scale, mean, std } = normalization;
  return {
    gain: [scale / std[0], scale / std[1], scale / std[2]],
    bias: [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]],
  };
}

/** The one loop over every value of every image that is resized here. */
function fillResized(
  data: Values,
  { data: bytes, width }: RgbPixels,
  { x, y }: { readonly x: AxisSamples; readonly y: AxisSamples },
  { gain, bias }: Affine,
  { pixelStep, channelStep, firstChannel }: Arrangement,
): void {
  const { low, high, share } = x;
  let to = 0;
  for (let row = 0; row < y.low.length; row += 1) {
    const upper = (y.low[row] as number) * width;
    const lower = (y.high[row] as number) * width;
    const down = y.share[row] as number;
    for (let column = 0; column < low.length; column += 1) {
      const left = low[column] as number;
      const right = high[column] as number;
      const across = share[column] as number;
      const a = (upper + left) * channels;
      const b = (upper + right) * channels;
      const c = (lower + left) * channels;
      const d = (lower + right) * channels;
      const rest = 1 - across;
      const ofA = rest * (1 - down);
      const ofB = across * (1 - down);
      const ofC = rest * down;
      const ofD = across * down;
      for (let channel = 0; channel < channels; channel += 1) {
        const of = firstChannel === 0 ? channel : 2 - channel;
        const pixel =
          ofA * (bytes[a + of] as number) +
          ofB * (bytes[b + of] as number) +
          ofC * (bytes[c + of] as number) +
          ofD * (bytes[d + of] as number);
        data[to + channel * channelStep] =
          pixel * (gain[channel] as number) + (bias[channel] as number);
      }
      to += pixelStep;
    }
  }
}
