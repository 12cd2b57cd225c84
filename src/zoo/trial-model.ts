import { GraphBuilder } from './onnx/graph-builder.ts';
import { batchDim, int, ints } from './onnx/graph.ts';
import type { EncodedModel } from './onnx/write.ts';
import { encodeModel } from './onnx/write.ts';
import { seededWeights, uniform } from './weights.ts';

/** Of the trial model's one input, an image with its channels first, without the batch. */
export const trialInput = { name: 'image', dims: [3, 16, 16] } as const;

/**
 * A network of a few kilobytes that asks of a provider what real ones do: a convolution, pooling, a
 * matrix product and a softmax over 10 classes.
 */
export function trialModel(): EncodedModel {
  const graph = new GraphBuilder('trial');
  const weights = seededWeights(1);
  const kernel = graph.initializer(weights.tensor('kernel', [8, 3, 3, 3], uniform(0.3)));
  const dense = graph.initializer(weights.tensor('dense', [8, 10], uniform(1)));
  const image = graph.input(trialInput.name, 'FP32', [batchDim, ...trialInput.dims]);
  const convolved = graph.node('Conv', [image, kernel], {
    name: 'convolved',
    attributes: { kernel_shape: ints([3, 3]), strides: ints([2, 2]), pads: ints([1, 1, 1, 1]) },
  });
  const active = graph.node('Relu', [convolved], { name: 'active' });
  const pooled = graph.node('GlobalAveragePool', [active], { name: 'pooled' });
  const flat = graph.node('Flatten', [pooled], { name: 'flat', attributes: { axis: int(1) } });
  const logits = graph.node('MatMul', [flat, dense], { name: 'logits' });
  graph.output(
    graph.node('Softmax', [logits], { name: 'probabilities', attributes: { axis: int(1) } }),
  );
  return encodeModel(graph.finish());
}
