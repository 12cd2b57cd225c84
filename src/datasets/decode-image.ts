import sharp, { type Sharp } from 'sharp';
import { DnnScalerError, invalidArgument, toDnnScalerError } from '../errors.ts';
import type { Row } from '../tensor/row.ts';
import { slimTensorMaker, tensorMaker, type PreprocessingSpec } from './preprocess.ts';
import type { SlimResize } from './slim-resize.ts';

/** Over any camera's picture, far under what would fill the memory: 134 megapixels. */
export const defaultMaxPixels = 2 ** 27;

const fits = { stretch: 'fill', cover: 'cover', contain: 'contain' } as const;
const positions = { centre: 'centre', 'left-top': 'left top' } as const;

/**
 * Makes the function that decodes one image, a file or its bytes, to a row. Decoding and resizing happen off the
 * main thread (sharp, in libuv's pool); only the last step, pixels to tensor, is on it.
 *
 * - EXIF orientation is applied; of an animation the first frame is taken.
 * - Grey, palette, CMYK and 16-bit images become 8-bit RGB. Colour profiles are not applied, as
 *   in the pipelines that networks are trained with (TensorFlow, OpenCV, Pillow), which also
 *   halves the work.
 * - What is transparent becomes white, the page that such pictures are made for.
 * - With a `SlimResize` the picture is what TensorFlow sees: EXIF orientation is ignored and
 *   transparency dropped. Pixels are then resized on the main thread, about 1 ms at 224 x 224.
 * - A damaged image rejects: sharp's `failOn: 'warning'` is the level that notices a truncated
 *   JPEG and one with broken data inside; levels below it fill the hole with grey and say nothing.
 *
 * Sharp's settings are the process's: this switches its cache off (each file is read once, and
 * rows are cached here) and gives each image one thread (images are decoded side by side).
 *
 * @param maxPixels an image of more pixels than this rejects before it is decoded
 * @throws DnnScalerError `invalid-argument` when the spec or the limit is out of its range
 */
export function imageDecoder(
  spec: PreprocessingSpec,
  maxPixels: number = defaultMaxPixels,
): Decode {
  if (!Number.isSafeInteger(maxPixels) || maxPixels < 1) {
    throw invalidArgument('maxPixels', 'must be a positive whole number', maxPixels);
  }
  sharp.cache(false);
  sharp.concurrency(1);
  const { resize } = spec;
  return typeof resize === 'object'
    ? slimDecoder(spec, resize, maxPixels)
    : fittingDecoder(spec, resize, maxPixels);
}

type Decode = (image: string | Uint8Array) => Promise<Row>;

function open(image: string | Uint8Array, maxPixels: number, autoOrient: boolean): Sharp {
  const options = { limitInputPixels: maxPixels, autoOrient, ignoreIcc: true };
  return sharp(image, { ...options, failOn: 'warning' });
}

function fittingDecoder(
  spec: PreprocessingSpec,
  resize: keyof typeof fits,
  maxPixels: number,
): Decode {
  const toTensor = tensorMaker(spec);
  const grey = spec.padding ?? 128;
  return async (image) => {
    const pixels = await open(image, maxPixels, true)
      .flatten({ background: 'white' })
      .resize({
        width: spec.width,
        height: spec.height,
        fit: fits[resize],
        position: positions[spec.position ?? 'centre'],
        background: { r: grey, g: grey, b: grey },
        kernel: 'linear',
      })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
    return [toTensor(pixels)];
  };
}

function slimDecoder(spec: PreprocessingSpec, resize: SlimResize, maxPixels: number): Decode {
  const toTensor = slimTensorMaker(spec, resize);
  return async (image) => {
    const { data, info } = await open(image, maxPixels, false)
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return [toTensor({ data, width: info.width, height: info.height })];
  };
}

/**
 * Why an image was not decoded, in one line.
 *
 * Only sharp's own words ("Input file is missing: ...") belong to the image for certain. What
 * libvips says comes from a log that all images being decoded share, so that the words on one
 * damaged image may turn up at another; whether an image is damaged is not mixed up.
 */
export function decodeFailureReason(error: unknown): string {
  const message = toDnnScalerError(error).message;
  if (error instanceof DnnScalerError) return message;
  const ownWords = /^Input (?:file|image) [^:,\n]*/.exec(message);
  return ownWords?.[0] ?? 'the image data is damaged or cut off';
}
