import type { PreprocessingHint } from '../datasets/image-signature.ts';
import type { ImagePreprocessing } from './network.ts';

/** How images become the input of a network of the zoo, whichever type that input has. */
export function imageHintOf({
  centralFraction,
  float32Range: [low, high],
}: ImagePreprocessing): PreprocessingHint {
  const mean = [-low, -low, -low] as const;
  return {
    resize: { kind: 'central-crop', fraction: centralFraction },
    channelOrder: 'RGB',
    normalization: { scale: (high - low) / 255, mean, std: [1, 1, 1] },
  };
}
