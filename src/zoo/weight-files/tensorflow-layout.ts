/**
 * TensorFlow and ONNX order the axes of convolution filters differently; all other weights of the
 * zoo are alike in both.
 *
 * | | TensorFlow | ONNX |
 * |---|---|---|
 * | convolution | [height, width, inputs, outputs] | [outputs, inputs, height, width] |
 * | depthwise | [height, width, channels, multiplier] | [channels * multiplier, 1, height, width] |
 *
 * @param dims of the weights in ONNX
 * @param groups of the convolution that they belong to: its channels when it is depthwise
 */
export function tensorflowDims(dims: readonly number[], groups: number): number[] {
  if (dims.length !== 4) return [...dims];
  const [filters, inputs, height, width] = dims as [number, number, number, number];
  return groups === 1
    ? [height, width, inputs, filters]
    : [height, width, groups, filters / groups];
}

/** Elements in TensorFlow's order brought into ONNX's, for a tensor with these dims in ONNX. */
export function fromTensorflow(data: Float32Array, dims: readonly number[]): Float32Array {
  if (dims.length !== 4) return data;
  // A depthwise filter has one input, and TensorFlow's last two axes are one list of filters.
  const [filters, inputs, height, width] = dims as [number, number, number, number];
  const positions = height * width;
  const result = new Float32Array(data.length);
  let from = 0;
  for (let position = 0; position < positions; position += 1) {
    for (let input = 0; input < inputs; input += 1) {
      for (let filter = 0; filter < filters; filter += 1) {
        result[(filter * inputs + input) * positions + position] = data[from] as number;
        from += 1;
      }
    }
  }
  return result;
}
