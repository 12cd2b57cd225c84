import { DnnScalerError } from '../../errors.ts';
import type { Datatype, NumericData } from '../../tensor/dtype.ts';
import { datatypeOf } from './graph.ts';
import type { Attributes, Dim } from './graph.ts';

/** Element type and shape of a tensor. */
export interface TensorType {
  readonly datatype: Datatype;
  readonly dims: readonly Dim[];
}

/** What shape inference sees of an operator's input. */
export interface Operand extends TensorType {
  /** The elements, when the input is an initializer. */
  data?(): NumericData;
}

type Infer = (operands: readonly Operand[], attributes: Attributes) => TensorType;

const sameAsFirst: Infer = ([x]) => typeOf(x);

/** Shape inference of the operators that the zoo uses (ONNX operator set 17). */
const inferences: Readonly<Record<string, Infer>> = {
  Add: broadcast,
  Sub: broadcast,
  Mul: broadcast,
  Div: broadcast,
  Greater: (operands) => ({ ...broadcast(operands), datatype: 'BOOL' }),
  Max: broadcast,
  AveragePool: pool,
  BatchNormalization: sameAsFirst,
  Clip: sameAsFirst,
  Relu: sameAsFirst,
  Softmax: sameAsFirst,
  Tanh: sameAsFirst,
  Cast: ([x], attributes) => {
    const datatype = datatypeOf(intOf(attributes, 'to'));
    if (datatype === undefined) throw fault('Cast to an element type that is not supported');
    return { datatype, dims: typeOf(x).dims };
  },
  Concat: (operands, attributes) => {
    const axis = intOf(attributes, 'axis');
    const { datatype, dims } = typeOf(operands[0]);
    const joined = sizes(operands.map((operand) => operand.dims[axis] as Dim));
    for (const operand of operands) {
      const differs = operand.dims.some((size, i) => i !== axis && size !== dims[i]);
      if (differs) throw fault(`cannot join [${dims.join(',')}] and [${operand.dims.join(',')}]`);
    }
    return {
      datatype,
      dims: dims.with(
        axis,
        joined.reduce((a, b) => a + b),
      ),
    };
  },
  Conv: convolution,
  Flatten: ([x], attributes) => {
    const { datatype, dims } = typeOf(x);
    const axis = intOf(attributes, 'axis', 1);
    if (axis !== 1) throw fault('Flatten is inferred for axis 1 only');
    return { datatype, dims: [dims[0] as Dim, sizes(dims.slice(1)).reduce((a, b) => a * b, 1)] };
  },
  Gather: ([table, indices], attributes) => {
    const axis = intOf(attributes, 'axis', 0);
    const { datatype, dims } = typeOf(table);
    return {
      datatype,
      dims: [...dims.slice(0, axis), ...typeOf(indices).dims, ...dims.slice(axis + 1)],
    };
  },
  Gemm: ([a, b], attributes) => {
    const [rows] = transposedIf(typeOf(a).dims, intOf(attributes, 'transA', 0));
    const [, columns] = transposedIf(typeOf(b).dims, intOf(attributes, 'transB', 0));
    return { datatype: typeOf(a).datatype, dims: [rows as Dim, columns as Dim] };
  },
  GlobalAveragePool: ([x]) => {
    const { datatype, dims } = typeOf(x);
    return { datatype, dims: dims.map((size, axis) => (axis < 2 ? size : 1)) };
  },
  MatMul: (operands) => {
    const [a, b] = [typeOf(operands[0]), typeOf(operands[1])];
    const stack = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
    return { datatype: a.datatype, dims: [...stack, a.dims.at(-2) as Dim, b.dims.at(-1) as Dim] };
  },
  MaxPool: pool,
  Pad: ([x, pads]) => {
    const { datatype, dims } = typeOf(x);
    const around = constant(pads);
    const padded = dims.map((size, axis) => {
      const more = (around[axis] as number) + (around[axis + dims.length] as number);
      return more === 0 ? size : (size as number) + more;
    });
    return { datatype, dims: padded };
  },
  ReduceL2: ([x], attributes) => reduced(typeOf(x), intsOf(attributes, 'axes'), attributes),
  ReduceSum: ([x, axes], attributes) => reduced(typeOf(x), constant(axes), attributes),
  Slice: ([x, starts, ends, axes]) => {
    const { datatype, dims } = typeOf(x);
    const sliced = [...dims];
    constant(axes).forEach((axis, i) => {
      const size = dims[axis] as number;
      sliced[axis] = Math.min(constant(ends)[i] as number, size) - (constant(starts)[i] as number);
    });
    return { datatype, dims: sliced };
  },
  Transpose: ([x], attributes) => {
    const { datatype, dims } = typeOf(x);
    return { datatype, dims: intsOf(attributes, 'perm').map((axis) => dims[axis] as Dim) };
  },
  Unsqueeze: ([x, axes]) => {
    const { datatype, dims } = typeOf(x);
    const unsqueezed = [...dims];
    for (const axis of constant(axes).sort((a, b) => a - b)) unsqueezed.splice(axis, 0, 1);
    return { datatype, dims: unsqueezed };
  },
};

/**
 * The element type and shape of an operator's result.
 *
 * @throws DnnScalerError `internal` for an operator, attribute or shape that inference does not know
 */
export function inferType(
  opType: string,
  operands: readonly Operand[],
  attributes: Attributes,
): TensorType {
  const infer = inferences[opType];
  if (infer === undefined) throw fault(`no shape inference for operator ${opType}`);
  return infer(operands, attributes);
}

/** The value of an integer attribute, or its default. */
export function intOf(attributes: Attributes, name: string, otherwise?: number): number {
  const attribute = attributes[name];
  if (attribute?.kind === 'int') return attribute.value;
  if (attribute !== undefined || otherwise === undefined)
    throw fault(`attribute ${name}: no integer`);
  return otherwise;
}

/** The value of an attribute that is a list of integers, or its default. */
export function intsOf(
  attributes: Attributes,
  name: string,
  otherwise?: readonly number[],
): readonly number[] {
  const attribute = attributes[name];
  if (attribute?.kind === 'ints') return attribute.value;
  if (attribute !== undefined || otherwise === undefined)
    throw fault(`attribute ${name}: no integers`);
  return otherwise;
}

function convolution(operands: readonly Operand[], attributes: Attributes): TensorType {
  const { datatype, dims } = typeOf(operands[0]);
  const [filters, , ...kernel] = sizes(typeOf(operands[1]).dims);
  const spatial = windowPositions(dims, kernel, attributes);
  return { datatype, dims: [dims[0] as Dim, filters as number, ...spatial] };
}

function pool(operands: readonly Operand[], attributes: Attributes): TensorType {
  const { datatype, dims } = typeOf(operands[0]);
  const spatial = windowPositions(dims, intsOf(attributes, 'kernel_shape'), attributes);
  return { datatype, dims: [...dims.slice(0, 2), ...spatial] };
}

/** Positions of a window along each axis after the first two. */
function windowPositions(
  dims: readonly Dim[],
  kernel: readonly number[],
  attributes: Attributes,
): number[] {
  const strides = intsOf(attributes, 'strides', [1, 1]);
  const dilations = intsOf(attributes, 'dilations', [1, 1]);
  const pads = intsOf(attributes, 'pads', [0, 0, 0, 0]);
  return sizes(dims.slice(2)).map((size, axis) => {
    const reach = ((kernel[axis] as number) - 1) * (dilations[axis] as number) + 1;
    const padded = size + (pads[axis] as number) + (pads[axis + 2] as number);
    return Math.floor((padded - reach) / (strides[axis] as number)) + 1;
  });
}

function reduced(x: TensorType, axes: readonly number[], attributes: Attributes): TensorType {
  const keep = intOf(attributes, 'keepdims', 1) === 1;
  const dims = x.dims.flatMap((size, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [size]));
  return { datatype: x.datatype, dims };
}

function broadcast(operands: readonly Operand[]): TensorType {
  const dims = operands.map((operand) => operand.dims).reduce(broadcastDims);
  return { datatype: typeOf(operands[0]).datatype, dims };
}

function broadcastDims(a: readonly Dim[], b: readonly Dim[]): readonly Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const one = a[a.length - rank + i] ?? 1;
    const other = b[b.length - rank + i] ?? 1;
    if (one === other || other === 1) return one;
    if (one === 1) return other;
    throw fault(`shapes [${a.join(',')}] and [${b.join(',')}] do not broadcast`);
  });
}

function transposedIf(dims: readonly Dim[], flag: number): readonly Dim[] {
  return flag === 1 ? [...dims].reverse() : dims;
}

function sizes(dims: readonly Dim[]): number[] {
  return dims.map((size) => {
    if (typeof size !== 'number') throw fault(`dimension ${size} has no fixed size`);
    return size;
  });
}

function constant(operand: Operand | undefined): number[] {
  if (operand?.data === undefined) throw fault('an input that shapes a result must be constant');
  return Array.from(operand.data(), Number);
}

function typeOf(operand: TensorType | undefined): TensorType {
  if (operand === undefined) throw fault('an input is missing');
  return operand;
}

function fault(message: string): DnnScalerError {
  return new DnnScalerError('internal', message);
}
