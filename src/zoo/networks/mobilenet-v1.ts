import type { Random } from '../../random.ts';
import type { Row } from '../../tensor/row.ts';
import { ConvLayers } from '../layers/conv-layers.ts';
import { resolveOptions } from '../network.ts';
import type { NetworkOptions, ZooInput, ZooNetwork } from '../network.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Graph } from '../onnx/graph.ts';

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

/** ImageNet's 1000 classes after class 0, the background, as TF-Slim numbers them. */
const classes = 1001;

/**
 * MobileNet V1 (Howard et al. 2017, arXiv 1704.04861) as in TF-Slim's `mobilenet_v1.py`: ReLU6,
 * batch normalisation with an epsilon of 0.001 after every convolution but the last, SAME padding
 * (on even sizes with stride 2 only at the bottom and on the right).
 *
 * @param percent the width multiplier: TF-Slim keeps the integer part, and at least 8 channels
 * @param px height and width of the input
 */
export function mobilenetV1(percent: 100 | 50 | 25, px: 224 | 160 | 128): ZooNetwork {
  const name = `mobilenet_v1_${String(percent).padStart(3, '0')}`;
  const width = (channels: number): number => Math.max(Math.floor((channels * percent) / 100), 8);

  function build(options: NetworkOptions = {}): Graph {
    const { weights, imageDatatype } = resolveOptions(options);
    const graph = new GraphBuilder(name);
    const layers = new ConvLayers(graph, weights, { epsilon: 0.001 });
    let x = layers.image(px, imageDatatype);
    const first = { filters: width(32), kernel: 3, stride: 2 };
    x = layers.conv(x, 'MobilenetV1/Conv2d_0', first);
    blocks.forEach(([channels, stride], i) => {
      const scope = `MobilenetV1/Conv2d_${i + 1}`;
      x = layers.depthwise(x, `${scope}_depthwise`, { kernel: 3, stride });
      x = layers.conv(x, `${scope}_pointwise`, { filters: width(channels), kernel: 1, stride: 1 });
    });
    x = layers.globalAveragePool(x, 'MobilenetV1/Logits/AvgPool_1a');
    graph.output(layers.classifier(x, 'MobilenetV1/Logits/Conv2d_1c_1x1', classes));
    return graph.finish();
  }

  return {
    name,
    title: `MobileNet V1 ${(percent / 100).toFixed(2)}, ${px} px`,
    task: 'image-classification',
    source: 'Howard et al. 2017 (arXiv 1704.04861); layers and 1001 classes as in TF-Slim',
    // The evaluation preprocessing that TF-Slim uses for its MobileNets.
    image: {
      px,
      layout: 'NHWC',
      channels: 'RGB',
      centralFraction: 0.875,
      resize: 'bilinear',
      float32Range: [-1, 1],
    },
    inputs: (options = {}) => [imageInput(px, options)],
    build,
    makeRow: (random, options = {}) => noiseImage(imageInput(px, options), random),
  };
}

function imageInput(px: number, options: NetworkOptions): ZooInput {
  const { imageDatatype } = resolveOptions(options);
  const bytes = imageDatatype === 'UINT8';
  return {
    name: 'input',
    datatype: imageDatatype,
    dims: [px, px, 3],
    range: bytes ? { min: 0, max: 255, integer: true } : { min: -1, max: 1, integer: false },
  };
}

/** Uniform noise over the input's range: as much work as a photograph, and no two alike. */
function noiseImage({ datatype, dims }: ZooInput, random: Random): Row {
  const [height, width, channels] = dims as [number, number, number];
  const words = new Uint32Array((height * width * channels) / 4);
  for (let i = 0; i < words.length; i += 1) words[i] = random.nextUint32();
  const bytes = new Uint8Array(words.buffer);
  if (datatype === 'UINT8') return [{ data: bytes, dims }];
  return [{ data: Float32Array.from(bytes, (byte) => (byte * 2) / 255 - 1), dims }];
}
