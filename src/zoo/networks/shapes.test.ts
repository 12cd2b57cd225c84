import { describe, expect, test } from 'vitest';
import { countOf } from '../counts.ts';
import type { Graph } from '../onnx/graph.ts';
import { findNetwork } from '../registry.ts';

// Heights (and widths, which equal them) and channels after the layers that the papers' tables and
// the tests of TF-Slim's networks list, by the names that TF-Slim gives to those layers.

type Layers = Readonly<Record<string, readonly [height: number, channels: number]>>;

/** Layers named by a letter at the end, all of one shape. */
function each(prefix: string, letters: string, shape: readonly [number, number]): Layers {
  return Object.fromEntries(letters.split(' ').map((letter) => [`${prefix}${letter}`, shape]));
}

/** Layers named by a number at the end, all of one shape. */
function numbered(prefix: string, from: number, to: number, shape: readonly [number, number]) {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return Object.fromEntries(numbers.map((i) => [`${prefix}${i}`, shape]));
}

const inceptionV3: Layers = {
  Conv2d_1a_3x3: [149, 32],
  Conv2d_2a_3x3: [147, 32],
  Conv2d_2b_3x3: [147, 64],
  MaxPool_3a_3x3: [73, 64],
  Conv2d_3b_1x1: [73, 80],
  Conv2d_4a_3x3: [71, 192],
  MaxPool_5a_3x3: [35, 192],
  Mixed_5b: [35, 256],
  ...each('Mixed_5', 'c d', [35, 288]),
  ...each('Mixed_6', 'a b c d e', [17, 768]),
  Mixed_7a: [8, 1280],
  ...each('Mixed_7', 'b c', [8, 2048]),
  'Logits/AvgPool_1a_8x8': [1, 2048],
};

const inceptionV2: Layers = {
  Conv2d_1a_7x7: [112, 64],
  MaxPool_2a_3x3: [56, 64],
  Conv2d_2b_1x1: [56, 64],
  Conv2d_2c_3x3: [56, 192],
  MaxPool_3a_3x3: [28, 192],
  Mixed_3b: [28, 256],
  Mixed_3c: [28, 320],
  ...each('Mixed_4', 'a b c d e', [14, 576]),
  ...each('Mixed_5', 'a b c', [7, 1024]),
};

const inceptionV1: Layers = {
  Conv2d_1a_7x7: [112, 64],
  MaxPool_2a_3x3: [56, 64],
  Conv2d_2b_1x1: [56, 64],
  Conv2d_2c_3x3: [56, 192],
  MaxPool_3a_3x3: [28, 192],
  Mixed_3b: [28, 256],
  Mixed_3c: [28, 480],
  MaxPool_4a_3x3: [14, 480],
  ...each('Mixed_4', 'b c d', [14, 512]),
  Mixed_4e: [14, 528],
  Mixed_4f: [14, 832],
  MaxPool_5a_2x2: [7, 832],
  Mixed_5b: [7, 832],
  Mixed_5c: [7, 1024],
};

const inceptionV4: Layers = {
  Conv2d_1a_3x3: [149, 32],
  Conv2d_2a_3x3: [147, 32],
  Conv2d_2b_3x3: [147, 64],
  Mixed_3a: [73, 160],
  Mixed_4a: [71, 192],
  ...each('Mixed_5', 'a b c d e', [35, 384]),
  ...each('Mixed_6', 'a b c d e f g h', [17, 1024]),
  ...each('Mixed_7', 'a b c d', [8, 1536]),
  'Logits/AvgPool_1a': [1, 1536],
};

function resnet(units: readonly [number, number, number, number]): Layers {
  const layers: Record<string, readonly [number, number]> = { conv1: [112, 64], pool1: [56, 64] };
  let size = 56;
  units.forEach((count, block) => {
    for (let unit = 1; unit <= count; unit += 1) {
      // TF-Slim halves the size in the last unit of the first three blocks.
      if (unit === count && block < 3) size /= 2;
      layers[`block${block + 1}/unit_${unit}/bottleneck_v2/add`] = [size, 256 * 2 ** block];
    }
  });
  return { ...layers, 'postnorm/Relu': [7, 2048], pool5: [1, 2048] };
}

/** Table 2 of the MobileNet V2 paper, at the channels of a width multiplier. */
function mobilenetV2(channels: readonly number[], last: number): Layers {
  const [first, a, b, c, d, e, f, g] = channels as [number, ...number[]];
  const project = (block: string) => `${block}/project/BatchNorm`;
  return {
    'Conv/Relu6': [112, first],
    [project('expanded_conv')]: [112, a as number],
    [project('expanded_conv_2')]: [56, b as number],
    [project('expanded_conv_5')]: [28, c as number],
    [project('expanded_conv_9')]: [14, d as number],
    [project('expanded_conv_12')]: [14, e as number],
    [project('expanded_conv_15')]: [7, f as number],
    [project('expanded_conv_16')]: [7, g as number],
    'Conv_1/Relu6': [7, last],
  };
}

const ends: Readonly<Record<string, readonly [scope: string, layers: Layers]>> = {
  inception_v1: ['InceptionV1/', inceptionV1],
  inception_v2: ['InceptionV2/', inceptionV2],
  inception_v3: ['InceptionV3/', inceptionV3],
  inception_v4: ['InceptionV4/', inceptionV4],
  resnet_v2_50: ['resnet_v2_50/', resnet([3, 4, 6, 3])],
  resnet_v2_101: ['resnet_v2_101/', resnet([3, 4, 23, 3])],
  resnet_v2_152: ['resnet_v2_152/', resnet([3, 8, 36, 3])],
  mobilenet_v2_100: ['MobilenetV2/', mobilenetV2([32, 16, 24, 32, 64, 96, 160, 320], 1280)],
  mobilenet_v2_140: ['MobilenetV2/', mobilenetV2([48, 24, 32, 48, 88, 136, 224, 448], 1792)],
  nasnet_mobile: [
    '',
    {
      cell_stem_1: [28, 88],
      ...numbered('cell_', 0, 3, [28, 264]),
      reduction_cell_0: [14, 352],
      ...numbered('cell_', 4, 7, [14, 528]),
      reduction_cell_1: [7, 704],
      ...numbered('cell_', 8, 11, [7, 1056]),
    },
  ],
  nasnet_large: [
    '',
    {
      cell_stem_1: [42, 336],
      ...numbered('cell_', 0, 5, [42, 1008]),
      reduction_cell_0: [21, 1344],
      ...numbered('cell_', 6, 11, [21, 2016]),
      reduction_cell_1: [11, 2688],
      ...numbered('cell_', 12, 17, [11, 4032]),
    },
  ],
  pnasnet_mobile: [
    '',
    {
      cell_stem_1: [28, 135],
      ...numbered('cell_', 0, 2, [28, 270]),
      ...numbered('cell_', 3, 5, [14, 540]),
      ...numbered('cell_', 6, 8, [7, 1080]),
    },
  ],
  pnasnet_large: [
    '',
    {
      cell_stem_1: [42, 540],
      ...numbered('cell_', 0, 3, [42, 1080]),
      ...numbered('cell_', 4, 7, [21, 2160]),
      ...numbered('cell_', 8, 11, [11, 4320]),
    },
  ],
};

describe.each(Object.entries(ends))('%s', (name, [scope, layers]) => {
  const graph = findNetwork(name).build();

  test('has the shapes that are published for its layers', () => {
    const actual = Object.fromEntries(
      Object.keys(layers).map((layer) => [layer, shapeOf(graph, `${scope}${layer}`)]),
    );
    expect(actual).toEqual(layers);
  });

  test('gives 1001 probabilities for any batch', () => {
    expect(graph.outputs).toEqual([{ name: 'probabilities', datatype: 'FP32', dims: ['N', 1001] }]);
    expect(graph.values.get('logits')?.dims).toEqual(['N', 1001]);
  });
});

/** Height and channels of a layer's result: the last of its values, after normalisation and ReLU. */
function shapeOf(graph: Graph, layer: string): readonly unknown[] | undefined {
  const names = [`${layer}/cell_output/concat`, `${layer}/Relu`, layer];
  const found = names.map((one) => graph.values.get(one)).find((value) => value !== undefined);
  if (found === undefined) return undefined;
  const [, channels, height, width] = found.dims;
  return height === width ? [height, channels] : found.dims;
}

test('the networks below the classifier have the variables that TF-Slim counts', () => {
  // From inception_v1_test.py, inception_v2_test.py, inception_v3_test.py and mobilenet_v1_test.py,
  // whose counts include moving statistics, and leave out scales, which mobilenet_v1 has here.
  const counted = [
    ['inception_v1', 1024, 5_607_184],
    ['inception_v2', 1024, 10_173_112],
    ['inception_v3', 2048, 21_802_784],
    ['mobilenet_v1_100', 1024, 3_217_920 + 10_944],
  ] as const;
  for (const [name, features, variables] of counted) {
    const { parameters, movingStatistics } = countOf(findNetwork(name).build());
    expect(parameters + movingStatistics - (features + 1) * 1001, name).toBe(variables);
  }
});

test('PNASNet has a convolution only where channels or size must change', () => {
  // As pnasnet_test.py asks for.
  const names = findNetwork('pnasnet_mobile')
    .build()
    .initializers.map((one) => one.name);
  expect(names).toContain('cell_stem_0/1x1/weights');
  expect(names).toContain('cell_stem_0/comb_iter_0/right/1x1/weights');
  expect(names).not.toContain('cell_stem_1/comb_iter_0/right/1x1/weights');
});
