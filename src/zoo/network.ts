import type { Random } from '../random.ts';
import type { Row, TensorSpec } from '../tensor/row.ts';
import type { Graph } from './onnx/graph.ts';
import { seededWeights } from './weights.ts';
import type { WeightSource } from './weights.ts';

/** How images enter a network: as bytes that the graph normalises, or normalised already. */
export type ImageDatatype = 'UINT8' | 'FP32';

export interface NetworkOptions {
  /** Seed of made-up weights, an integer; default 1. */
  readonly seed?: number;
  /** Where the weights come from; default `seededWeights(seed)`. */
  readonly weights?: WeightSource;
  /**
   * Input type of image networks; others ignore it. Default UINT8: that is how decoded pictures
   * come, it is a quarter of the bytes to move, and the graph brings them to the network's range.
   */
  readonly imageDatatype?: ImageDatatype;
  /**
   * Work batch normalisation into the convolutions before it; default false: the file then holds
   * every tensor of the published checkpoint under its name, and ONNX Runtime folds them on loading
   * just the same.
   */
  readonly foldBatchNorm?: boolean;
}

/** Options of a network with the defaults filled in. */
export type ResolvedNetworkOptions = Required<NetworkOptions>;

export function resolveOptions(options: NetworkOptions): ResolvedNetworkOptions {
  const { seed = 1, imageDatatype = 'UINT8', foldBatchNorm = false } = options;
  return { seed, weights: options.weights ?? seededWeights(seed), imageDatatype, foldBatchNorm };
}

/** One input of a network, and what it may hold. */
export interface ZooInput extends TensorSpec {
  /** The values that the network takes: any in [min, max], or only the integers among them. */
  readonly range: { readonly min: number; readonly max: number; readonly integer: boolean };
}

/** What a picture must become before it enters the network. */
export interface ImagePreprocessing {
  /** Height and width, in pixels. */
  readonly px: number;
  readonly layout: 'NHWC';
  readonly channels: 'RGB';
  /** Share of height and width kept around the centre before resizing. */
  readonly centralFraction: number;
  readonly resize: 'bilinear';
  /** What 0 and 255 become for an FP32 input; a UINT8 input takes the bytes as they are. */
  readonly float32Range: readonly [number, number];
}

/** A published network that this package builds. */
export interface ZooNetwork {
  readonly name: string;
  /** For people, such as `MobileNet V1 1.0, 224 px`. */
  readonly title: string;
  readonly task: 'image-classification' | 'text-classification' | 'recommendation';
  /** Where it was published, and where its sizes come from. */
  readonly source: string;
  /** For image networks. */
  readonly image?: ImagePreprocessing;
  inputs(options?: NetworkOptions): readonly ZooInput[];
  /**
   * The graph, with a symbolic batch dimension. Quick: weights come to life when the graph is
   * written or run.
   */
  build(options?: NetworkOptions): Graph;
  /** A row such as the network would meet, with every value in its input's range. */
  makeRow(random: Random, options?: NetworkOptions): Row;
}
