import type { Random } from '../../random.ts';
import type { DatasetName } from '../labels.ts';

/** What one picture is to be like. */
export interface PhotoPlan {
  readonly width: number;
  readonly height: number;
  /** Size of its JPEG file, in bytes. */
  readonly bytes: number;
  readonly isGrey: boolean;
}

/** How the pictures of a dataset are distributed. */
interface Statistics {
  /** Share of pictures whose longer side is the usual one, in pixels. */
  readonly usualShare: number;
  readonly usualSide: number;
  /** The longer side of the others: lognormal around a median, within bounds, in pixels. */
  readonly otherMedian: number;
  readonly otherSigma: number;
  readonly sides: readonly [least: number, most: number];
  readonly landscapeShare: number;
  /** Longer side over shorter side, and weight. */
  readonly aspects: readonly (readonly [ratio: number, weight: number])[];
  readonly greyShare: number;
  /** Mean bytes of file for each pixel; lognormal with this sigma. */
  readonly bytesPerPixel: number;
  readonly bytesSigma: number;
}

/** The averages that the statistics are made to meet; a test holds them to it. */
export const publishedAverages: Readonly<
  Record<DatasetName, { width: number; height: number; bytes: number }>
> = {
  // 469 x 387 px as is often told of ILSVRC2012; ILSVRC2012_img_train.tar has 147,897,477,120 bytes
  // for 1,281,167 images.
  imagenet: { width: 469, height: 387, bytes: 115_440 },
  // 256_ObjectCategories.tar has 1,183,006,720 bytes for 30,607 images; of the sides no average is
  // published, so that these are an assumption.
  caltech256: { width: 350, height: 300, bytes: 38_650 },
};

const statistics: Readonly<Record<DatasetName, Statistics>> = {
  imagenet: {
    usualShare: 0.75,
    usualSide: 500,
    otherMedian: 430,
    otherSigma: 0.5,
    sides: [75, 4288],
    landscapeShare: 0.8,
    aspects: [
      [4 / 3, 0.68],
      [3 / 2, 0.27],
      [1, 0.05],
    ],
    greyShare: 0.015,
    bytesPerPixel: 0.6,
    bytesSigma: 0.4,
  },
  caltech256: {
    usualShare: 0,
    usualSide: 500,
    otherMedian: 333,
    otherSigma: 0.45,
    sides: [80, 4000],
    landscapeShare: 0.75,
    aspects: [
      [4 / 3, 0.6],
      [3 / 2, 0.2],
      [1, 0.2],
    ],
    greyShare: 0.014,
    bytesPerPixel: 0.298,
    bytesSigma: 0.45,
  },
};

/** Draws what the next picture of a dataset is like. */
export function planPhoto(dataset: DatasetName, random: Random): PhotoPlan {
  const like = statistics[dataset];
  const longer = Math.round(longerSide(like, random));
  const shorter = Math.max(1, Math.round(longer / aspectOf(like, random)));
  const isLandscape = random.next() < like.landscapeShare;
  const [width, height] = isLandscape ? [longer, shorter] : [shorter, longer];
  const perPixel = lognormal(random, like.bytesPerPixel, like.bytesSigma);
  return {
    width,
    height,
    bytes: Math.round(width * height * perPixel),
    isGrey: random.next() < like.greyShare,
  };
}

function longerSide(like: Statistics, random: Random): number {
  if (random.next() < like.usualShare) return like.usualSide;
  const [least, most] = like.sides;
  const side = like.otherMedian * Math.exp(like.otherSigma * random.normal());
  return Math.min(most, Math.max(least, side));
}

function aspectOf({ aspects }: Statistics, random: Random): number {
  let left = random.next();
  for (const [ratio, weight] of aspects) {
    left -= weight;
    if (left < 0) return ratio;
  }
  return 1;
}

/** With the given mean: exp(sigma^2 / 2) of the median is made good. */
function lognormal(random: Random, mean: number, sigma: number): number {
  return mean * Math.exp(sigma * random.normal() - sigma ** 2 / 2);
}
