import sharp from 'sharp';
import type { RgbPixels } from '../preprocess.ts';

/** Qualities within which JPEG files of photographs lie. */
const lowestQuality = 40;
const highestQuality = 97;

/**
 * A picture as a JPEG file of about so many bytes: the quality that comes nearest, by bisection.
 * Runs off the main thread.
 */
export async function encodePhoto(
  { data, width, height }: RgbPixels,
  { bytes, isGrey }: { readonly bytes: number; readonly isGrey: boolean },
): Promise<Buffer> {
  const picture = sharp(data, { raw: { width, height, channels: 3 } });
  if (isGrey) picture.greyscale().toColourspace('b-w');
  let low = lowestQuality;
  let high = highestQuality;
  let best: Buffer | undefined;
  while (low <= high) {
    const quality = (low + high) >> 1;
    const file = await picture.clone().jpeg({ quality }).toBuffer();
    const isNearer =
      best === undefined || Math.abs(file.length - bytes) < Math.abs(best.length - bytes);
    if (isNearer) best = file;
    if (file.length < bytes) low = quality + 1;
    else high = quality - 1;
  }
  return best as Buffer;
}
