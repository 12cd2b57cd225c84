import { invalidArgument } from '../errors.ts';

/**
 * How TF-Slim brings a picture to the size of a network when it evaluates (tensorflow/models,
 * research/slim/preprocessing):
 *
 * - `central-crop`, inception_preprocessing.py: keep this share of height and width around the
 *   centre, and stretch it to the network's size.
 * - `shorter-side`, vgg_preprocessing.py: resize so that the shorter side has so many pixels and the
 *   aspect ratio stays, and cut the network's size out of the middle.
 */
export type SlimResize =
  | { readonly kind: 'central-crop'; readonly fraction: number }
  | { readonly kind: 'shorter-side'; readonly px: number };

/** @throws DnnScalerError `invalid-argument` when the rule and the size do not go together */
export function checkSlimResize(resize: SlimResize, width: number, height: number): void {
  if (resize.kind === 'central-crop') {
    const { fraction } = resize;
    if (fraction > 0 && fraction <= 1) return;
    throw invalidArgument('the central fraction', 'must be over 0 and at most 1', fraction);
  }
  const { px } = resize;
  const least = Math.max(width, height);
  if (Number.isSafeInteger(px) && px >= least) return;
  throw invalidArgument('the shorter side', `must be a whole number of at least ${least}`, px);
}

/** Where the values of one axis come from: value i is `(1 - share[i]) low[i] + share[i] high[i]`. */
export interface AxisSamples {
  /** Positions in the source, in pixels. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float32Array;
}

interface Window {
  /** First pixel of the source that counts, and how many of them. */
  readonly from: number;
  readonly length: number;
  /** Pixels that these become, and the first of them that is wanted. */
  readonly resized: number;
  readonly skipped: number;
}

/** The samples for both axes of a source of this size. */
export function slimSamples(
  resize: SlimResize,
  source: { readonly width: number; readonly height: number },
  target: { readonly width: number; readonly height: number },
): { readonly x: AxisSamples; readonly y: AxisSamples } {
  if (resize.kind === 'central-crop') {
    const axis = (length: number, wanted: number): AxisSamples =>
      samplesOf(cropped(length, resize.fraction, wanted), wanted);
    return { x: axis(source.width, target.width), y: axis(source.height, target.height) };
  }
  // In single precision, and halves to the even side, as vgg_preprocessing.py has it.
  const scale = Math.fround(resize.px / Math.min(source.width, source.height));
  const axis = (length: number, wanted: number): AxisSamples => {
    const resized = roundToEven(Math.fround(length * scale));
    const skipped = Math.floor((resized - wanted) / 2);
    return samplesOf({ from: 0, length, resized, skipped }, wanted);
  };
  return { x: axis(source.width, target.width), y: axis(source.height, target.height) };
}

/** As tf.image.central_crop has it: the margin is rounded down, the same on both sides. */
function cropped(length: number, fraction: number, wanted: number): Window {
  const from = Math.floor((length - length * fraction) / 2);
  return { from, length: length - 2 * from, resized: wanted, skipped: 0 };
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * The rule of TensorFlow 1's resize_bilinear with `align_corners=False`: pixel i of the result lies
 * at `i x source / result` of the source, corner on corner rather than centre on centre, and there
 * is no smoothing, however much smaller the result is. In single precision, as TensorFlow computes.
 */
function samplesOf({ from, length, resized, skipped }: Window, wanted: number): AxisSamples {
  const scale = Math.fround(length / resized);
  const low = new Int32Array(wanted);
  const high = new Int32Array(wanted);
  const share = new Float32Array(wanted);
  for (let i = 0; i < wanted; i += 1) {
    const at = Math.fround((i + skipped) * scale);
    const below = Math.min(Math.floor(at), length - 1);
    low[i] = from + below;
    high[i] = from + Math.min(below + 1, length - 1);
    share[i] = at - below;
  }
  return { low, high, share };
}
