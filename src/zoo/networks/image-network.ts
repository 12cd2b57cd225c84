import type { Random } from '../../random.ts';
import type { Row } from '../../tensor/row.ts';
import { ConvLayers } from '../layers/conv-layers.ts';
import type { ConvStyle } from '../layers/conv-layers.ts';
import type { Features } from '../layers/features.ts';
import { resolveOptions } from '../network.ts';
import type { NetworkOptions, ZooInput, ZooNetwork } from '../network.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';

/** ImageNet's 1000 classes after class 0, the background, as TF-Slim numbers them. */
export const imageNetClasses = 1001;

/** A TF-Slim classifier of images. */
export interface ImageNetworkDefinition extends Pick<ZooNetwork, 'name' | 'title' | 'source'> {
  /** Height and width of the input, in pixels. */
  readonly px: number;
  readonly style: Omit<ConvStyle, 'foldBatchNorm'>;
  /** The layers from the normalised image to the probabilities of the classes. */
  readonly body: (layers: ConvLayers, image: Features) => Value;
}

/** The network of a definition: its input, its graph for every option, and rows for it. */
export function imageNetwork(definition: ImageNetworkDefinition): ZooNetwork {
  const { name, title, source, px, style, body } = definition;
  return {
    name,
    title: `${title}, ${px} px`,
    task: 'image-classification',
    source,
    image: {
      px,
      layout: 'NHWC',
      channels: 'RGB',
      centralFraction: 0.875,
      resize: 'bilinear',
      float32Range: [-1, 1],
    },
    inputs: (options = {}) => [imageInput(px, options)],
    build(options = {}) {
      const { weights, imageDatatype, foldBatchNorm } = resolveOptions(options);
      const graph = new GraphBuilder(name);
      const layers = new ConvLayers(graph, weights, { ...style, foldBatchNorm });
      graph.output(body(layers, layers.image(px, imageDatatype)));
      return graph.finish();
    },
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
  const elements = height * width * channels;
  const words = new Uint32Array(Math.ceil(elements / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = random.nextUint32();
  const bytes = new Uint8Array(words.buffer, 0, elements);
  if (datatype === 'UINT8') return [{ data: bytes, dims }];
  return [{ data: Float32Array.from(bytes, (byte) => (byte * 2) / 255 - 1), dims }];
}
