import type { ZooNetwork } from '../network.ts';
import { imageNetClasses, imageNetwork } from './image-network.ts';

/** Channels and stride of the depthwise separable blocks after the first convolution. */
const blocks: readonly (readonly [channels: number, stride: number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

/**
 * MobileNet V1 (Howard et al. 2017, arXiv 1704.04861) as in TF-Slim's `mobilenet_v1.py`: ReLU6,
 * batch normalisation with an epsilon of 0.001 after every convolution but the last, SAME padding
 * (on even sizes with stride 2 only at the bottom and on the right).
 *
 * @param percent the width multiplier: TF-Slim keeps the integer part, and at least 8 channels
 * @param px height and width of the input
 */
export function mobilenetV1(percent: 100 | 50 | 25, px: 224 | 160 | 128): ZooNetwork {
  const width = (channels: number): number => Math.max(Math.floor((channels * percent) / 100), 8);
  return imageNetwork({
    name: `mobilenet_v1_${String(percent).padStart(3, '0')}`,
    title: `MobileNet V1 ${(percent / 100).toFixed(2)}`,
    source: 'Howard et al. 2017 (arXiv 1704.04861); layers and 1001 classes as in TF-Slim',
    px,
    style: { epsilon: 0.001, activation: 'Relu6' },
    body(layers, image) {
      const first = { filters: width(32), kernel: 3, stride: 2 };
      let x = layers.conv(image, 'MobilenetV1/Conv2d_0', first);
      blocks.forEach(([channels, stride], i) => {
        const scope = `MobilenetV1/Conv2d_${i + 1}`;
        x = layers.depthwise(x, `${scope}_depthwise`, { kernel: 3, stride });
        x = layers.conv(x, `${scope}_pointwise`, { filters: width(channels), kernel: 1 });
      });
      x = layers.globalAveragePool(x, 'MobilenetV1/Logits/AvgPool_1a');
      return layers.convClassifier(x, 'MobilenetV1/Logits/Conv2d_1c_1x1', imageNetClasses);
    },
  });
}
