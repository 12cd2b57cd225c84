import type { Random } from '../../random.ts';
import type { Row } from '../../tensor/row.ts';
import { DenseLayers } from '../layers/dense-layers.ts';
import { resolveOptions } from '../network.ts';
import type { NetworkOptions, ZooInput, ZooNetwork } from '../network.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import { batchDim, int, ints } from '../onnx/graph.ts';
import type { Graph } from '../onnx/graph.ts';

/** Movies of MovieLens-20M with ratings of 4 and more, as the paper prepares it. */
const items = 20_108;
const hidden = 600;
const latent = 200;
/** The paper keeps users with at least 5 movies; 10.0 million events of 136,677 users remain. */
const fewestItems = 5;
const meanItems = 73;

const input: ZooInput = {
  name: 'interactions',
  datatype: 'FP32',
  dims: [items],
  range: { min: 0, max: 1, integer: true },
};

/**
 * Mult-VAE for MovieLens-20M: which movies a user liked (1 or 0 each) to a score for every movie,
 * 20108 -> 600 -> 200 -> 600 -> 20108 with tanh, at inference from the mean of the posterior. The
 * encoder's last layer gives means and log-variances, 400 in all, of which inference drops half.
 *
 * With 98 MB of weights and two operations for each of them, one row is bound by memory, and a
 * batch reads the weights once for all its rows.
 */
export const multVaeMl20m: ZooNetwork = {
  name: 'multvae_ml20m',
  title: 'Mult-VAE recommender, MovieLens-20M',
  task: 'recommendation',
  source:
    'Liang et al. 2018, Variational Autoencoders for Collaborative Filtering (arXiv 1802.05814)',
  inputs: () => [input],
  build,
  makeRow,
};

function build(options: NetworkOptions = {}): Graph {
  const { weights } = resolveOptions(options);
  const graph = new GraphBuilder('multvae_ml20m');
  const layers = new DenseLayers(graph, weights);
  const interactions = graph.input(input.name, input.datatype, [batchDim, items]);

  const norm = graph.node('ReduceL2', [interactions], {
    name: 'encoder/norm',
    attributes: { axes: ints([1]), keepdims: int(1) },
  });
  // A user without movies stays at zero instead of becoming not-a-number.
  const least = graph.scalar('encoder/least_norm', 'FP32', 1e-6);
  const divisor = graph.node('Max', [norm, least], { name: 'encoder/divisor' });
  const normalised = graph.node('Div', [interactions, divisor], { name: 'encoder/normalised' });

  const encoded = layers.dense({ value: normalised, meanSquare: 1 / items }, 'encoder/hidden', {
    units: hidden,
    names: { weights: 'weight_q_0to1', biases: 'bias_q_1' },
    activation: 'Tanh',
  });
  const posterior = layers.dense(encoded, 'encoder/posterior', {
    units: 2 * latent,
    names: { weights: 'weight_q_1to2', biases: 'bias_q_2' },
  });
  const bounds = [
    graph.int64s('encoder/mean/starts', [0]),
    graph.int64s('encoder/mean/ends', [latent]),
    graph.int64s('encoder/mean/axes', [1]),
  ];
  const mean = graph.node('Slice', [posterior.value, ...bounds], { name: 'encoder/mean' });

  const decoded = layers.dense({ ...posterior, value: mean }, 'decoder/hidden', {
    units: hidden,
    names: { weights: 'weight_p_0to1', biases: 'bias_p_1' },
    activation: 'Tanh',
  });
  const scores = layers.dense(decoded, 'scores', {
    units: items,
    names: { weights: 'weight_p_1to2', biases: 'bias_p_2' },
  });
  graph.output(scores.value);
  return graph.finish();
}

/**
 * A user with an exponentially distributed number of movies, with the dataset's mean, and popular
 * movies likelier than others: the k-th with a chance in proportion to 1 / k, as Zipf's law has it.
 */
function makeRow(random: Random): Row {
  const data = new Float32Array(items);
  const count = fewestItems + Math.floor(random.exponential(meanItems - fewestItems));
  let chosen = 0;
  while (chosen < count) {
    const item = Math.floor((items + 1) ** random.next()) - 1;
    if (data[item] === 1) continue;
    data[item] = 1;
    chosen += 1;
  }
  return [{ data, dims: input.dims }];
}
