import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { countOf, multiplyAddsOf } from './counts.ts';
import { GraphBuilder } from './onnx/graph-builder.ts';
import type { Input } from './onnx/graph-builder.ts';
import { batchDim, int, ints } from './onnx/graph.ts';
import { findNetwork, zooNetworks } from './registry.ts';

const published = readFileSync(new URL('../../data/models.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(',') as [string, string, string, string, string]);

/** Networks whose row counts something else; each has a test of its own below. */
const mobilenetsV1 = ['mobilenet_v1_100', 'mobilenet_v1_050', 'mobilenet_v1_025'];
const mobilenetsV2 = ['mobilenet_v2_100', 'mobilenet_v2_140'];
const otherParameters = [...mobilenetsV1, ...mobilenetsV2];
const otherMultiplyAdds = ['inception_v2', 'resnet_v2_50', 'resnet_v2_101', 'resnet_v2_152'];

describe('published sizes', () => {
  test.each(published)(
    '%s at %s px has the %s M parameters and %s M multiply-adds of the table',
    (name, px, millions, macs) => {
      const network = findNetwork(name);
      expect(network.image?.px).toBe(Number(px));
      const { parameters, multiplyAdds } = countOf(network.build());
      // Within 0.5%, or within the rounding of the table.
      const decimals = millions.split('.')[1]?.length ?? 0;
      if (!otherParameters.includes(name)) {
        const margin = Math.max(0.005 * Number(millions), 0.5 * 10 ** -decimals);
        expect(Math.abs(parameters / 1e6 - Number(millions))).toBeLessThanOrEqual(margin);
      }
      if (!otherMultiplyAdds.includes(name)) {
        const margin = Math.max(0.02 * Number(macs), 0.5);
        expect(Math.abs(multiplyAdds / 1e6 - Number(macs))).toBeLessThanOrEqual(margin);
      }
    },
  );

  test('MobileNet V1 has the parameters of the table to its last digit', () => {
    for (const [name, , millions] of published.filter((row) => mobilenetsV1.includes(row[0]))) {
      // TF-Slim's table holds what this counts and half of the moving statistics besides.
      const { parameters, movingStatistics } = countOf(findNetwork(name).build());
      expect(((parameters + movingStatistics / 2) / 1e6).toFixed(2)).toBe(millions);
    }
  });

  test('MobileNet V2 has the parameters of the table, which are those outside normalisation', () => {
    for (const name of mobilenetsV2) {
      // There are as many scales and offsets as moving statistics.
      const { parameters, movingStatistics } = countOf(findNetwork(name).build());
      const millions = published.find((row) => row[0] === name)?.[2];
      expect(((parameters - movingStatistics) / 1e6).toFixed(2)).toBe(millions);
    }
    // Keras' MobileNetV2 has 1000 classes, 3,504,872 trainable and 34,112 other parameters.
    expect(countOf(findNetwork('mobilenet_v2_100').build())).toMatchObject({
      parameters: 3_504_872 + 1281,
      movingStatistics: 34_112,
    });
  });

  test('Inception V2 has the multiply-adds of the table but for its first layer', () => {
    // Open Model Zoo counts it as one 7 x 7 convolution; TF-Slim has 8 filters for each colour, then
    // 1 x 1. The difference shows in the parameters of that table, too.
    const { parameters, multiplyAdds } = countOf(findNetwork('inception_v2').build());
    const more = 7 * 7 * 3 * 64 - (7 * 7 * 3 * 8 + 3 * 8 * 64);
    expect((parameters + more) / 1e6).toBeCloseTo(11.186, 3);
    expect(Math.abs((multiplyAdds + more * 112 ** 2) / 2030e6 - 1)).toBeLessThan(0.02);
  });

  test('docs/zoo.md shows these counts beside the published ones', () => {
    const page = readFileSync(new URL('../../docs/zoo.md', import.meta.url), 'utf8');
    const rows = page
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()))
      // Other tables of the page have fewer columns.
      .filter((cells) => cells[1]?.startsWith('`') && cells.length === 8)
      .map((cells) => cells.slice(1, 7));
    const expected = published.map(([name, px, millions, macs]) => {
      const { parameters, multiplyAdds } = countOf(findNetwork(name).build());
      const own = [(parameters / 1e6).toFixed(3), (multiplyAdds / 1e6).toFixed(1)] as const;
      return [`\`${name}\``, px, own[0], millions, own[1], macs];
    });
    expect(rows).toEqual(expected);
  });

  test('the table lists the sixteen image networks, and no other', () => {
    const images = zooNetworks.filter(({ task }) => task === 'image-classification');
    expect(images.map(({ name }) => name).sort()).toEqual(published.map(([name]) => name).sort());
    expect(published.length).toBe(16);
  });

  test.each([
    [50, [3, 4, 6, 3]],
    [101, [3, 4, 23, 3]],
    [152, [3, 8, 36, 3]],
  ] as const)(
    'ResNet V2 %i has the multiply-adds of its units, with the stride on the last of a block',
    (depth, units) => {
      let total = 7 * 7 * 3 * 64 * 112 ** 2 + 2048 * 1001;
      let channels = 64;
      let size = 56;
      units.forEach((count, block) => {
        const width = 64 * 2 ** block;
        for (let unit = 0; unit < count; unit += 1) {
          const after = unit === count - 1 && block < 3 ? size / 2 : size;
          total += size ** 2 * channels * width;
          total += after ** 2 * (9 * width * width + 4 * width * width);
          if (channels !== 4 * width) total += after ** 2 * channels * 4 * width;
          channels = 4 * width;
          size = after;
        }
      });
      expect(size).toBe(7);
      const { multiplyAdds } = countOf(findNetwork(`resnet_v2_${depth}`).build());
      expect(multiplyAdds).toBe(total);
    },
  );

  test('MobileNet V1 has the layers that TF-Slim lists for it', () => {
    // mobilenet_v1.py: 3,185,088 weights and 567,716,352 multiply-adds below the classifier.
    const graph = findNetwork('mobilenet_v1_100').build();
    const { parameters, movingStatistics, multiplyAdds } = countOf(graph);
    const classifier = { weights: 1024 * 1001, biases: 1001 };
    expect(multiplyAdds - classifier.weights).toBe(567_716_352);
    const scalesAndOffsets = movingStatistics;
    expect(parameters - scalesAndOffsets - classifier.weights - classifier.biases).toBe(3_185_088);
    const byName = new Map(graph.nodes.map((node) => [node.name, multiplyAddsOf(node, graph)]));
    expect(byName.get('MobilenetV1/Conv2d_0')).toBe(10_838_016);
    expect(byName.get('MobilenetV1/Conv2d_2_depthwise')).toBe(1_806_336);
    expect(byName.get('MobilenetV1/Conv2d_13_pointwise')).toBe(51_380_224);
    expect(graph.values.get('MobilenetV1/Conv2d_13_pointwise')?.dims).toEqual(['N', 1024, 7, 7]);
  });

  test('Mult-VAE and the deep averaging network have the sizes of their layers', () => {
    const items = 20_108;
    const layers = [items * 600, 600 * 400, 200 * 600, 600 * items];
    const weights = layers.reduce((a, b) => a + b);
    expect(countOf(findNetwork('multvae_ml20m').build())).toEqual({
      parameters: weights + 600 + 400 + 600 + items,
      movingStatistics: 0,
      multiplyAdds: weights,
    });
    const hidden = 3 * 300 * 300 + 300 * 5;
    expect(countOf(findNetwork('dan_sst').build())).toEqual({
      parameters: 17_837 * 300 + hidden + 3 * 300 + 5,
      movingStatistics: 0,
      multiplyAdds: 53 * 300 + hidden,
    });
  });
});

describe('counting', () => {
  function floats(graph: GraphBuilder, name: string, dims: readonly number[]): Input {
    const never = (): never => {
      throw new Error('counting needs no weights');
    };
    return graph.initializer({ name, datatype: 'FP32', dims, data: never });
  }

  test('a grouped convolution multiplies only within its groups', () => {
    const graph = new GraphBuilder('g');
    const x = graph.input('x', 'FP32', [batchDim, 8, 10, 10]);
    const weights = floats(graph, 'w', [4, 2, 3, 5]);
    graph.node('Conv', [x, weights], {
      name: 'y',
      attributes: { strides: ints([2, 1]), pads: ints([0, 2, 1, 2]), group: int(4) },
    });
    const built = graph.finish();
    expect(built.values.get('y')?.dims).toEqual([batchDim, 4, 5, 10]);
    expect(countOf(built)).toEqual({
      parameters: 120,
      movingStatistics: 0,
      multiplyAdds: 4 * 5 * 10 * (2 * 3 * 5),
    });
  });

  test('products count one row, whatever the sides and stacks', () => {
    const graph = new GraphBuilder('g');
    const x = graph.input('x', 'FP32', [7, 3]);
    const transA = int(1);
    const transB = int(1);
    graph.node('Gemm', [x, floats(graph, 'w', [5, 7])], {
      name: 'y',
      attributes: { transA, transB },
    });
    const stack = graph.input('stack', 'FP32', [batchDim, 4, 2, 6]);
    graph.node('MatMul', [stack, floats(graph, 'v', [6, 9])], { name: 'z' });
    const built = graph.finish();
    expect(built.values.get('y')?.dims).toEqual([3, 5]);
    expect(built.values.get('z')?.dims).toEqual([batchDim, 4, 2, 9]);
    expect(countOf(built).multiplyAdds).toBe(3 * 5 * 7 + 4 * 2 * 9 * 6);
  });

  test('scalars and integers are no parameters, and moving statistics are counted apart', () => {
    const graph = new GraphBuilder('g');
    const x = graph.input('x', 'FP32', [batchDim, 3, 2, 2]);
    const scaled = graph.node('Mul', [x, graph.scalar('half', 'FP32', 0.5)], { name: 'scaled' });
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => floats(graph, name, [3]));
    const y = graph.node('BatchNormalization', [scaled, a!, b!, c!, d!], { name: 'y' });
    graph.node('Unsqueeze', [y, graph.int64s('axes', [0])], { name: 'z' });
    expect(countOf(graph.finish())).toEqual({
      parameters: 6,
      movingStatistics: 6,
      multiplyAdds: 0,
    });
  });
});
