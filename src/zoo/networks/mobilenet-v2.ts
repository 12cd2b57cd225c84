import type { ConvLayers } from '../layers/conv-layers.ts';
import { channelsOf } from '../layers/features.ts';
import type { Features } from '../layers/features.ts';
import type { ZooNetwork } from '../network.ts';
import { imageNetClasses, imageNetwork } from './image-network.ts';

/** Groups of blocks: expansion t, channels c, blocks n, stride s of the first (table 2 of the paper). */
const groups: readonly (readonly [t: number, c: number, n: number, s: number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/**
 * MobileNet V2 (Sandler et al. 2018, arXiv 1801.04381) as in TF-Slim's `mobilenet_v2.py`: blocks
 * that expand, convolve each channel with ReLU6, and project without activation; a shortcut where
 * neither size nor channels change. All channels are multiples of 8.
 *
 * @param percent the width multiplier. Above 100 the last convolution grows as well.
 */
export function mobilenetV2(percent: 100 | 140): ZooNetwork {
  const width = (channels: number): number => multipleOf8((channels * percent) / 100);
  return imageNetwork({
    name: `mobilenet_v2_${percent}`,
    title: `MobileNet V2 ${(percent / 100).toFixed(1)}`,
    source: 'Sandler et al. 2018 (arXiv 1801.04381); layers and 1001 classes as in TF-Slim',
    px: 224,
    style: { epsilon: 0.001, activation: 'Relu6' },
    body(layers, image) {
      const first = { filters: width(32), kernel: 3, stride: 2 };
      let x = layers.conv(image, 'MobilenetV2/Conv', first);
      let block = 0;
      for (const [expansion, channels, count, stride] of groups) {
        for (let i = 0; i < count; i += 1) {
          const scope = `MobilenetV2/expanded_conv${block === 0 ? '' : `_${block}`}`;
          const options = { expansion, channels: width(channels), stride: i === 0 ? stride : 1 };
          x = expandedConv(layers, x, scope, options);
          block += 1;
        }
      }
      x = layers.conv(x, 'MobilenetV2/Conv_1', { filters: width(1280), kernel: 1 });
      x = layers.globalAveragePool(x, 'MobilenetV2/Logits/AvgPool');
      return layers.convClassifier(x, 'MobilenetV2/Logits/Conv2d_1c_1x1', imageNetClasses);
    },
  });
}

function expandedConv(
  layers: ConvLayers,
  input: Features,
  scope: string,
  options: { readonly expansion: number; readonly channels: number; readonly stride: number },
): Features {
  const { expansion, channels, stride } = options;
  let x = input;
  if (expansion > 1) {
    const filters = channelsOf(x) * expansion;
    x = layers.conv(x, `${scope}/expand`, { filters, kernel: 1 });
  }
  x = layers.depthwise(x, `${scope}/depthwise`, { kernel: 3, stride });
  x = layers.conv(x, `${scope}/project`, { filters: channels, kernel: 1, activation: false });
  const keepsShape = stride === 1 && channels === channelsOf(input);
  return keepsShape ? layers.add(input, x, `${scope}/add`) : x;
}

/** TF-Slim's `_make_divisible`: the nearest multiple of 8, from 8 up, and never below 90%. */
function multipleOf8(value: number): number {
  const nearest = Math.max(8, Math.floor((value + 4) / 8) * 8);
  return nearest < 0.9 * value ? nearest + 8 : nearest;
}
