import type { TensorLayout } from '../../engines/onnx/model-layout.ts';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { RequestedOutput } from '../../oip/data-plane.ts';
import type { WireData, WireTensor } from '../../oip/tensor.ts';
import { elementCount, zeros } from '../../tensor/dtype.ts';
import type { NumericData, NumericDatatype } from '../../tensor/dtype.ts';
import type { Row, RowTensor } from '../../tensor/row.ts';
import { classify } from './classification.ts';

/**
 * Checks that a model has the outputs asked for; call before the request runs.
 *
 * @throws DnnScalerError `invalid-argument` for an unknown output, one asked for twice, or classes
 *   of an output that is no numbers
 */
export function checkRequestedOutputs(
  layouts: readonly TensorLayout[],
  requested: readonly RequestedOutput[],
): void {
  const seen = new Set<string>();
  for (const { name, classification } of requested) {
    const layout = layouts.find((candidate) => candidate.name === name);
    if (layout === undefined) {
      const known = layouts.map((candidate) => candidate.name).join(', ');
      throw invalidArgument('a requested output', `must be one of the model's (${known})`, name);
    }
    if (seen.has(name)) throw invalidArgument('a requested output', 'must be named once', name);
    seen.add(name);
    if (classification !== undefined && layout.datatype === 'BYTES') {
      throw invalidArgument(`classification of output ${name}`, 'needs numbers', layout.datatype);
    }
  }
}

/**
 * Joins the replies of a request's rows to its output tensors.
 *
 * @param replies in the order of the rows, at least one
 * @param labels of the classes, for `classification`
 * @throws DnnScalerError `unsupported` when rows gave outputs of different shapes
 */
export function replyTensors(
  layouts: readonly TensorLayout[],
  replies: readonly Row[],
  requested: readonly RequestedOutput[],
  labels: readonly string[],
): readonly WireTensor[] {
  const wanted: readonly RequestedOutput[] =
    requested.length > 0 ? requested : layouts.map(({ name }) => ({ name }));
  return wanted.map(({ name, classification }) => {
    const index = layouts.findIndex((layout) => layout.name === name);
    const tensor = join(layouts[index] as TensorLayout, replies, index);
    return classification === undefined ? tensor : classify(tensor, classification, labels);
  });
}

function join(layout: TensorLayout, replies: readonly Row[], index: number): WireTensor {
  const { name, datatype, batched } = layout;
  const parts = replies.map((reply) => reply[index] as RowTensor);
  const [first] = parts as [RowTensor];
  if (parts.length === 1) {
    const shape = batched ? [1, ...first.dims] : first.dims;
    return { name, datatype, shape, data: wireData(first) };
  }
  for (const { dims } of parts) {
    if (dims.join() === first.dims.join()) continue;
    const message =
      `the rows of this request have outputs ${name} of different shapes ([${first.dims.join(', ')}] ` +
      `and [${dims.join(', ')}]), which do not fit into one tensor: send them one by one`;
    throw new DnnScalerError('unsupported', message);
  }
  const shape = [parts.length, ...first.dims];
  if (datatype === 'BYTES') {
    return { name, datatype, shape, data: parts.flatMap((part) => wireData(part) as Uint8Array[]) };
  }
  const elements = elementCount(first.dims);
  const data = zeros(datatype satisfies NumericDatatype, elements * parts.length) as Float32Array;
  for (const [row, part] of parts.entries()) data.set(part.data as Float32Array, row * elements);
  return { name, datatype, shape, data };
}

const utf8 = new TextEncoder();

function wireData({ data }: RowTensor): WireData {
  if (Array.isArray(data)) return (data as readonly string[]).map((text) => utf8.encode(text));
  return data as NumericData;
}
