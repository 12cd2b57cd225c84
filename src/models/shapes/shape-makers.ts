import { elementTypeOf } from '../../zoo/onnx/graph.ts';
import { numbersOf } from '../file/constants.ts';
import { product } from './extent.ts';
import type { Extent } from './extent.ts';
import { attributeOf, intAttribute, intsAttribute } from './facts.ts';
import type { Facts, Infer } from './facts.ts';

const { INT64 } = elementTypeOf;

/** Lists longer than this are data rather than shapes, and not followed. */
export const mostValues = 1024;

const constant: Infer = ({ node }) => {
  const tensor = attributeOf(node, 'value')?.t;
  if (tensor !== undefined) return [factsOfConstant(tensor)];
  const int = attributeOf(node, 'value_int')?.i;
  if (int !== undefined) return [{ elementType: INT64, dims: [], values: [int] }];
  const ints = intsAttribute(node, 'value_ints');
  if (ints !== undefined) return [{ elementType: INT64, dims: [ints.length], values: ints }];
  const float = attributeOf(node, 'value_float')?.f;
  if (float !== undefined) return [{ elementType: elementTypeOf.FP32, dims: [], values: [float] }];
  const floats = attributeOf(node, 'value_floats')?.floats;
  return floats === undefined ? [] : [{ elementType: elementTypeOf.FP32, dims: [floats.length] }];
};

/** What is known of a constant of the file. */
export function factsOfConstant(tensor: NonNullable<Facts['constant']>): Facts {
  const values = tensor.dims.length <= 1 ? short(numbersOf(tensor)) : undefined;
  return { elementType: tensor.data_type, dims: tensor.dims, values, constant: tensor };
}

function short(values: readonly Extent[] | undefined): readonly Extent[] | undefined {
  return values !== undefined && values.length <= mostValues ? values : undefined;
}

const constantOfShape: Infer = ({ node, operands: [shape] }) => {
  const fill = attributeOf(node, 'value')?.t;
  const dims = shape?.values;
  const [length] = dims ?? [];
  const value = fill === undefined ? 0 : numbersOf(fill)?.[0];
  const fills = dims?.length === 1 && typeof length === 'number' && length <= mostValues;
  return [
    {
      elementType: fill?.data_type ?? elementTypeOf.FP32,
      dims,
      values: fills ? new Array<Extent>(length).fill(value) : undefined,
    },
  ];
};

const range: Infer = ({ operands }) => {
  const elementType = operands[0]?.elementType;
  const [start, limit, step] = operands.map((operand) => operand?.values?.[0]);
  if (typeof start === 'number' && typeof limit === 'number' && typeof step === 'number') {
    const length = Math.max(0, Math.ceil((limit - start) / step));
    const values = Array.from(
      { length: Math.min(length, mostValues + 1) },
      (_, i) => start + i * step,
    );
    return [{ elementType, dims: [length], values: short(values) }];
  }
  return [{ elementType, dims: [start === 0 && step === 1 ? limit : undefined] }];
};

const shapeOf: Infer = ({ node, operands: [data] }) => {
  const dims = data?.dims;
  if (dims === undefined) return [{ elementType: INT64 }];
  const values = dims.slice(intAttribute(node, 'start', 0), attributeOf(node, 'end')?.i);
  return [{ elementType: INT64, dims: [values.length], values }];
};

/** Constants, and operators that make shapes or fill them. */
export const shapeMakingOperators: Readonly<Record<string, Infer>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Shape: shapeOf,
  Size: ({ operands: [data] }) => [
    { elementType: INT64, dims: [], values: [product(data?.dims ?? [undefined])] },
  ],
};
