import type { ConvLayers } from '../layers/conv-layers.ts';
import { channelsOf } from '../layers/features.ts';
import type { Features } from '../layers/features.ts';
import type { ZooNetwork } from '../network.ts';
import { imageNetClasses, imageNetwork } from './image-network.ts';

/** Units of the four blocks (table 1 of the first paper). */
const units = {
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
} as const;

/**
 * What a unit adds to the stream with made-up weights, as a standard deviation against the 1 with
 * which each block begins: 36 units that added 1 each would make it 6.
 */
const residualDeviation = 0.5;

/**
 * ResNet V2 (He et al. 2015 and 2016, arXiv 1512.03385 and 1603.05027) as in TF-Slim's
 * `resnet_v2.py`: normalisation and ReLU come before the convolutions of a unit and once more after
 * the last; the first three blocks halve the size in their last unit, where the shortcut keeps
 * every other position; the padding of strided convolutions does not depend on the size.
 *
 * Images are scaled to [-1, 1]: TF-Slim's published weights were trained so, though the factory of
 * its preprocessing names VGG's for them. They were trained at 299 px; 224 is the paper's size and
 * the default of the code.
 */
export function resnetV2(depth: 50 | 101 | 152): ZooNetwork {
  const name = `resnet_v2_${depth}`;
  return imageNetwork({
    name,
    title: `ResNet V2 ${depth}`,
    source:
      'He et al. 2016 (arXiv 1603.05027); layers and 1001 classes as in TF-Slim, whose stride ' +
      'sits on the last unit of a block',
    px: 224,
    style: { epsilon: 1e-5 },
    body(layers, image) {
      let x = layers.conv(image, `${name}/conv1`, {
        filters: 64,
        kernel: 7,
        stride: 2,
        padding: 'FIXED',
        follow: 'biases',
        activation: false,
      });
      x = layers.maxPool(x, `${name}/pool1`, { kernel: 3, stride: 2 });
      units[depth].forEach((count, block) => {
        for (let unit = 1; unit <= count; unit += 1) {
          const scope = `${name}/block${block + 1}/unit_${unit}/bottleneck_v2`;
          const stride = unit === count && block < 3 ? 2 : 1;
          x = bottleneck(layers, x, scope, { width: 64 * 2 ** block, stride });
        }
      });
      x = layers.activated(layers.batchNorm(x, `${name}/postnorm`), `${name}/postnorm`);
      x = layers.globalAveragePool(x, `${name}/pool5`);
      return layers.convClassifier(x, `${name}/logits`, imageNetClasses);
    },
  });
}

function bottleneck(
  layers: ConvLayers,
  x: Features,
  scope: string,
  { width, stride }: { readonly width: number; readonly stride: number },
): Features {
  const filters = 4 * width;
  const bare = { kernel: 1, filters, follow: 'biases', activation: false } as const;
  const preact = layers.activated(layers.batchNorm(x, `${scope}/preact`), `${scope}/preact`);
  let shortcut = x;
  if (filters !== channelsOf(x)) {
    shortcut = layers.conv(preact, `${scope}/shortcut`, { ...bare, stride });
  } else if (stride > 1) {
    shortcut = layers.maxPool(x, `${scope}/shortcut`, { kernel: 1, stride });
  }
  let y = layers.conv(preact, `${scope}/conv1`, { filters: width, kernel: 1 });
  const padding = stride === 1 ? 'SAME' : 'FIXED';
  y = layers.conv(y, `${scope}/conv2`, { filters: width, kernel: 3, stride, padding });
  y = layers.conv(y, `${scope}/conv3`, { ...bare, deviation: residualDeviation });
  return layers.add(shortcut, y, `${scope}/add`);
}
