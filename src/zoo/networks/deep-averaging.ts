import type { Random } from '../../random.ts';
import type { Row } from '../../tensor/row.ts';
import { DenseLayers } from '../layers/dense-layers.ts';
import { resolveOptions } from '../network.ts';
import type { NetworkOptions, ZooInput, ZooNetwork } from '../network.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import { batchDim, elementTypeOf, int } from '../onnx/graph.ts';
import type { Graph } from '../onnx/graph.ts';
import { uniform } from '../weights.ts';

/** Words of the Stanford Sentiment Treebank, its mean and its greatest sentence length. */
const words = 17_836;
const meanTokens = 18;
const longestTokens = 53;
/** Token 0 fills a sentence up to the length of the input. */
const padding = 0;

const dimension = 300;
const hiddenLayers = 3;
const classes = 5;
/** Scale of the made-up word vectors; the first layer's weights make up for it. */
const embeddingDeviation = 0.4;

const input: ZooInput = {
  name: 'tokens',
  datatype: 'INT32',
  dims: [longestTokens],
  range: { min: padding, max: words, integer: true },
};

/**
 * A deep averaging network for the five sentiment classes of the Stanford Sentiment Treebank: the
 * mean of a sentence's word vectors (300 numbers each) through three ReLU layers of 300 units and
 * a softmax, the sizes that the authors' code has by default. Sentences enter as word numbers from
 * 1, filled up with 0, which counts for nothing.
 *
 * The arithmetic of one row takes microseconds, so a call costs more than its work, and a batch
 * shares it.
 */
export const danSst: ZooNetwork = {
  name: 'dan_sst',
  title: 'Deep averaging network, Stanford Sentiment Treebank',
  task: 'text-classification',
  source:
    'Iyyer et al. 2015, Deep Unordered Composition Rivals Syntactic Methods for Text ' +
    'Classification (ACL); vocabulary and mean length of SST-1 from Kim 2014 (arXiv 1408.5882), ' +
    'greatest length from Zhang and Wallace 2015 (arXiv 1510.03820)',
  inputs: () => [input],
  build,
  makeRow,
};

function build(options: NetworkOptions = {}): Graph {
  const { weights } = resolveOptions(options);
  const graph = new GraphBuilder('dan_sst');
  const layers = new DenseLayers(graph, weights);
  const tokens = graph.input(input.name, input.datatype, [batchDim, longestTokens]);

  const table = weights.tensor('embeddings', [words + 1, dimension], uniform(embeddingDeviation));
  const vectors = graph.node('Gather', [graph.initializer(table), tokens], { name: 'vectors' });
  const isWord = graph.node('Greater', [tokens, graph.scalar('padding', 'INT32', padding)], {
    name: 'is_word',
  });
  const mask = graph.node('Cast', [isWord], {
    name: 'mask',
    attributes: { to: int(elementTypeOf.FP32) },
  });

  // [N, 1, tokens] x [N, tokens, 300]: the sum of the words' vectors, padding times zero.
  const axes = graph.int64s('axes', [1]);
  const maskRow = graph.node('Unsqueeze', [mask, axes], { name: 'mask_row' });
  const sums = graph.node('MatMul', [maskRow, vectors], { name: 'sum' });
  const sum = graph.node('Flatten', [sums], { name: 'sum_flat', attributes: { axis: int(1) } });
  const length = graph.node('ReduceSum', [mask, axes], {
    name: 'length',
    attributes: { keepdims: int(1) },
  });
  // An empty sentence has the mean 0 instead of not-a-number.
  const divisor = graph.node('Max', [length, graph.scalar('least_length', 'FP32', 1)], {
    name: 'divisor',
  });
  const average = graph.node('Div', [sum, divisor], { name: 'average' });

  let x = { value: average, meanSquare: embeddingDeviation ** 2 / meanTokens };
  for (let layer = 1; layer <= hiddenLayers; layer += 1) {
    x = layers.dense(x, `hidden_${layer}`, {
      units: dimension,
      names: { weights: `hidden_${layer}/weights`, biases: `hidden_${layer}/biases` },
      activation: 'Relu',
    });
  }
  const logits = layers.dense(x, 'logits', {
    units: classes,
    names: { weights: 'softmax/weights', biases: 'softmax/biases' },
  });
  const attributes = { axis: int(1) };
  graph.output(graph.node('Softmax', [logits.value], { name: 'probabilities', attributes }));
  return graph.finish();
}

/**
 * A sentence of a length around the dataset's mean, of words drawn by Zipf's law: the k-th word
 * with a chance in proportion to 1 / k.
 */
function makeRow(random: Random): Row {
  const data = new Int32Array(longestTokens);
  const length = Math.round(meanTokens * (1 + random.normal() / 2));
  for (let i = 0; i < Math.min(Math.max(length, 1), longestTokens); i += 1) {
    data[i] = Math.floor((words + 1) ** random.next());
  }
  return [{ data, dims: input.dims }];
}
